/** Making and removing the snapshot of a container: its image, its whole configuration and its volumes, of one instant. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { type Container, find, lookFor, start, stop } from '#sdk/docker/container.ts';
import { copyVolume, removeHelper } from '#sdk/docker/copy.ts';
import { coverageOf, hasWritten, obstacle } from '#sdk/docker/coverage.ts';
import type { Engine } from '#sdk/docker/engine.ts';
import { imageId, partsOf as nameParts, tag, untag, untagUnused } from '#sdk/docker/images.ts';
import {
  Begun,
  imageName,
  type Kept,
  keep,
  keptOf,
  partsOf,
  recordIn,
  type SnapshotName,
  type SnapshotRecord,
} from '#sdk/docker/shelf.ts';
import type { Snapshot } from '#sdk/kinds/hypervisor.ts';

/** Writing a layer out has no progress to look at. */
const COMMIT_MS = 3_600_000;

const Any = z.json();

export async function makeSnapshot(
  engine: Engine,
  name: SnapshotName,
): Promise<{ snapshot: Snapshot; summary: string }> {
  const container = await find(engine, name.guest);
  const parts = await partsOf(engine, name);
  const made = recordIn(parts);
  const running = parts.find(({ part }) => part === 'begun');
  const wasRunning = running === undefined ? container.State.Running : Begun.parse(running.detail).running;
  if (made === undefined) {
    const problem = obstacle(container);
    if (problem !== undefined) throw new AutopilotError('HA_REMOTE_REFUSED', `${engine.tools.name}: ${problem}`);
    await keep(engine, name, { part: 'begun', detail: { running: wasRunning } });
  }
  try {
    const record = made ?? (await capture(engine, name, container));
    return { snapshot: describe(name, record), summary: summaryOf(record) };
  } finally {
    if (wasRunning) await start(engine, container);
  }
}

async function capture(engine: Engine, name: SnapshotName, container: Container): Promise<SnapshotRecord> {
  const { volumes, leavesOut } = await coverageOf(engine, container);
  await removeHelper(engine, name);
  await stop(engine, container);
  const record: SnapshotRecord = {
    createdAt: engine.tools.now().toISOString(),
    written: await keepWritten(engine, name, container),
    volumes: [],
    leavesOut,
    container: await engine.ask(Any, `/containers/${container.Id}/json`),
  };
  await tag(engine, container.Image, imageName(name, 'image'));
  for (const [index, volume] of volumes.entries()) {
    engine.tools.progress({ note: volume.name, files: index, totalFiles: volumes.length });
    const copy = await keep(engine, name, { part: `copy${index + 1}` });
    await copyVolume(engine, name, { from: volume.name, to: copy, image: container.Image });
    record.volumes.push({ ...volume, copy });
  }
  // The last thing: what has a record is whole.
  await keep(engine, name, { part: 'record', detail: record });
  return record;
}

async function keepWritten(engine: Engine, name: SnapshotName, container: Container): Promise<string | null> {
  if (!(await hasWritten(engine, container))) return null;
  const written = imageName(name, 'written');
  const { repo, version } = nameParts(written);
  const query = { container: container.Id, repo, tag: version, pause: false };
  await engine.change('POST', '/commit', { query, timeoutMs: COMMIT_MS });
  return written;
}

export async function listSnapshots(engine: Engine, guest: string): Promise<Snapshot[]> {
  const kept = await keptOf(engine, guest);
  const labels = [...new Set(kept.map(({ label }) => label))];
  return labels
    .map((label) =>
      snapshotIn(
        guest,
        label,
        kept.filter((one) => one.label === label),
      ),
    )
    .toSorted((a, b) => ((a.createdAt ?? '') < (b.createdAt ?? '') ? -1 : 1));
}

function snapshotIn(guest: string, label: string, parts: readonly Kept[]): Snapshot {
  const run = parts.every((part) => part.run === parts[0]?.run) ? (parts[0]?.run ?? null) : null;
  const record = run === null ? undefined : recordIn(parts);
  if (run !== null && record !== undefined) return describe({ guest, label, run }, record);
  return { label, run, createdAt: null, covers: [], leavesOut: [], complete: false };
}

function describe({ label, run }: SnapshotName, record: SnapshotRecord): Snapshot {
  const { createdAt, leavesOut } = record;
  return { label, run, createdAt, covers: coversOf(record), leavesOut, complete: true };
}

function coversOf({ volumes }: { volumes: readonly unknown[] }): Snapshot['covers'] {
  return ['image', 'configuration', 'disk', ...(volumes.length > 0 ? (['volumes'] as const) : [])];
}

function summaryOf({ volumes, leavesOut }: SnapshotRecord): string {
  const held = `image, configuration and ${volumes.length === 1 ? '1 volume' : `${volumes.length} volumes`}`;
  return leavesOut.length === 0 ? held : `${held}; without ${leavesOut.join(', ')}`;
}

export async function canSnapshot(engine: Engine, guest: string) {
  const container = await find(engine, guest);
  const problem = obstacle(container);
  if (problem !== undefined) return { possible: false, summary: problem, covers: [], outage: false };
  const { volumes, leavesOut } = await coverageOf(engine, container);
  const record = { volumes: volumes.map((volume) => ({ ...volume, copy: '' })), leavesOut };
  return {
    possible: true,
    summary: summaryOf({ ...record, createdAt: '', written: null, container: null }),
    covers: coversOf(record),
    leavesOut,
    outage: container.State.Running,
  };
}

/** Also what a snapshot that was cut short has left. */
export async function deleteSnapshot(engine: Engine, name: SnapshotName): Promise<{ removed: boolean }> {
  const all = (await keptOf(engine, name.guest)).filter(({ label }) => label === name.label);
  if (all.length === 0 || all.some(({ run }) => run !== name.run)) return { removed: false };
  await removeHelper(engine, name);
  if (recordIn(all) === undefined) await startAgain(engine, name.guest, all);
  // The record first: what is left without one is not taken for a whole snapshot.
  const ordered = all.toSorted((a, b) => order(a) - order(b));
  for (const { volume, part } of ordered) {
    if (part === 'begun') await letGoOfImages(engine, name);
    await engine.change('DELETE', `/volumes/${encodeURIComponent(volume)}`, { already: [404] });
  }
  return { removed: true };
}

/** What was cut short may have left it stopped. */
async function startAgain(engine: Engine, guest: string, parts: readonly Kept[]): Promise<void> {
  const begun = parts.find(({ part }) => part === 'begun');
  if (begun === undefined || !Begun.parse(begun.detail).running) return;
  const container = await lookFor(engine, guest);
  if (container !== undefined) await start(engine, container);
}

/** What says that there was a snapshot goes last, so that a second execution finds what is left. */
function order({ part }: Kept): number {
  if (part === 'record') return 0;
  return part === 'begun' ? 2 : 1;
}

async function letGoOfImages(engine: Engine, name: SnapshotName): Promise<void> {
  for (const part of ['image', 'written'] as const) {
    const ours = imageName(name, part);
    if ((await imageId(engine, ours)) !== undefined) await untag(engine, ours);
  }
  await untagUnused(engine, imageName(name, 'image'));
}
