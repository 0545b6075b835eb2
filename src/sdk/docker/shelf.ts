/** Where snapshots are kept: in volumes of ours on the engine, whose labels say what they are and who made them. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { Container } from '#sdk/docker/container.ts';
import { KeptVolume } from '#sdk/docker/coverage.ts';
import { type Engine, statusOf } from '#sdk/docker/engine.ts';

/** Which snapshot, and who made it. */
export interface SnapshotName {
  guest: string;
  label: string;
  run: string;
}

/** All that it takes to make the container again. */
export const SnapshotRecord = z.object({
  createdAt: z.iso.datetime(),
  /** Of ours, with what the container had written outside of its volumes; null when that was nothing. */
  written: z.string().nullable(),
  volumes: z.array(KeptVolume.extend({ copy: z.string() })),
  leavesOut: z.array(z.string()),
  /** As the engine told it. */
  container: z.json(),
});
export type SnapshotRecord = z.output<typeof SnapshotRecord>;

/** What is known before anything is changed: a second execution must not take the stopped container for a stopped one. */
export const Begun = z.object({ running: z.boolean() });

const PREFIX = 'homelab-autopilot';
const LABELS = {
  guest: `${PREFIX}.guest`,
  label: `${PREFIX}.label`,
  run: `${PREFIX}.run`,
  detail: `${PREFIX}.detail`,
} as const;

const Volume = z.object({ Name: z.string(), Labels: z.record(z.string(), z.string()).nullish() });
const Volumes = z.object({ Volumes: z.array(Volume).nullish() });

export type Part = 'begun' | 'record' | `copy${number}`;

export interface Kept {
  label: string;
  part: string;
  volume: string;
  /** Null: a stranger's. */
  run: string | null;
  detail: unknown;
}

function keyOf(guest: string): string {
  return createHash('sha256').update(guest).digest('hex').slice(0, 8);
}

export function volumeName({ guest, label }: Pick<SnapshotName, 'guest' | 'label'>, part: Part): string {
  return `${PREFIX}-${keyOf(guest)}-${label}.${part}`;
}

/** A repository of ours for each guest; `image` holds what it ran, `written` that with what it had written. */
export function imageName({ guest, label }: Pick<SnapshotName, 'guest' | 'label'>, part: 'image' | 'written'): string {
  return `${PREFIX}/guest-${keyOf(guest)}:${label}.${part}`;
}

export function labelsOf({ guest, label, run }: SnapshotName, detail: object = {}): Record<string, string> {
  return {
    [LABELS.guest]: guest,
    [LABELS.label]: label,
    [LABELS.run]: run,
    [LABELS.detail]: JSON.stringify(detail),
  };
}

/** Makes a volume of a snapshot, or finds it made by the same run. */
export async function keep(engine: Engine, name: SnapshotName, { part, detail }: { part: Part; detail?: object }) {
  const volume = volumeName(name, part);
  // The engine hands out a volume that is there, whatever labels are asked for.
  const there = await lookAt(engine, volume);
  if (there === undefined) {
    const body = { Name: volume, Driver: 'local', Labels: labelsOf(name, detail) };
    await engine.change('POST', '/volumes/create', { body });
  } else if (runOf(there, name) !== name.run) throw stranger(engine, name);
  return volume;
}

async function lookAt(engine: Engine, volume: string): Promise<z.output<typeof Volume> | undefined> {
  try {
    return await engine.ask(Volume, `/volumes/${encodeURIComponent(volume)}`);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

function runOf({ Labels }: z.output<typeof Volume>, { guest, label }: Pick<SnapshotName, 'guest' | 'label'>) {
  const isOurs = Labels?.[LABELS.guest] === guest && Labels[LABELS.label] === label;
  return isOurs ? (Labels[LABELS.run] ?? null) : null;
}

/** All that lies on the engine under names of snapshots of a guest. */
export async function keptOf(engine: Engine, guest: string): Promise<Kept[]> {
  const prefix = `${PREFIX}-${keyOf(guest)}-`;
  const { Volumes: all } = await engine.ask(Volumes, '/volumes');
  return (all ?? []).flatMap((volume) => {
    const [, label, part] = /^([a-z][a-z0-9-]{2,39})\.([a-z0-9]+)$/.exec(volume.Name.slice(prefix.length)) ?? [];
    if (!volume.Name.startsWith(prefix) || label === undefined || part === undefined) return [];
    const detail: unknown = JSON.parse(volume.Labels?.[LABELS.detail] ?? '{}');
    return [{ label, part, volume: volume.Name, run: runOf(volume, { guest, label }), detail }];
  });
}

/** What is there of one snapshot. @throws AutopilotError HA_CONFLICT when it is not this run's. */
export async function partsOf(engine: Engine, name: SnapshotName): Promise<Kept[]> {
  const parts = (await keptOf(engine, name.guest)).filter(({ label }) => label === name.label);
  if (parts.some(({ run }) => run !== name.run)) throw stranger(engine, name);
  return parts;
}

export function recordIn(parts: readonly Kept[]): SnapshotRecord | undefined {
  const found = parts.find(({ part }) => part === 'record');
  return found === undefined ? undefined : SnapshotRecord.parse(found.detail);
}

export function containerIn({ container }: SnapshotRecord): Container {
  return Container.parse(container);
}

function stranger({ tools }: Engine, { guest, label }: SnapshotName): AutopilotError {
  return new AutopilotError(
    'HA_CONFLICT',
    `${tools.name}: what is called ${label} of ${guest} was not made by this run, so it is left alone`,
    { next: `look at it with  docker volume ls --filter name=${volumeName({ guest, label }, 'record')}` },
  );
}
