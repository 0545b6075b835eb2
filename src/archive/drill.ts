/** A restore that is tried out: a set into a place of its own, where it is compared and from where it is removed. */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { plainDumps, readBackDumps } from '#archive/dumps.ts';
import { type ReadableSet, readable } from '#archive/encryption/readable.ts';
import { stagingPlace } from '#archive/places.ts';
import { restoreSet } from '#archive/restore/restore.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { formatBytes, formatCount, formatSpan } from '#kernel/format.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import { destination, type SetSummary } from '#sdk/kinds/destination.ts';
import { SET_FILES } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

export interface DrillPlace {
  /** Removed as a whole by `discard`. */
  directory: string;
  /** Below it the files lie under their whole paths. */
  root: string;
}

/** In the staging area: half a set of ours is there as well, and goes the same way. */
export function drillPlace(stateDir: string, place: string): DrillPlace {
  const directory = stagingPlace(stateDir, place).partial;
  return { directory, root: join(directory, 'root') };
}

/** What an execution that was cut short has unpacked is no proof of anything: it is removed, and all is done again. */
export async function unpack(tools: Tools, input: ArchiveInput<'unpack'>): Promise<ArchiveOutput<'unpack'>> {
  const began = performance.now();
  const place = drillPlace(tools.stateDir, input.place);
  await rm(place.directory, { recursive: true, force: true });
  const from = tools.use(destination, input.destination);
  const { sets } = await from.list({ service: input.service });
  const wanted = chosen(sets, input);
  requireSmallEnough(wanted, input);
  await mkdir(place.root, { recursive: true, mode: 0o700 });
  const opened = await from.open({ service: input.service, set: wanted.id });
  try {
    const set = await readable(tools, opened.directory, input.encryption);
    const { header } = set;
    const { files, bytes } = await restoreSet(tools, set, { to: place.root, overwrite: true });
    const dumps = input.dumps ? await layDumps(tools, set, place) : [];
    const tookMs = Math.round(performance.now() - began);
    await copyFile(join(set.facts, SET_FILES.manifest), join(place.directory, SET_FILES.manifest));
    await copyFile(join(set.directory, SET_FILES.sums), join(place.directory, SET_FILES.sums));
    return {
      set: wanted.id,
      createdAt: header.createdAt,
      files,
      contentBytes: bytes,
      root: place.root,
      trees: header.sources.map(({ path, realPath }) => ({ path, realPath })),
      release: header.release,
      dumps,
      dumpsAt: dumpsIn(place),
      tookMs,
      summary: `${formatCount(files, 'file')} (${formatBytes(bytes)}) of ${header.createdAt} in ${formatSpan(tookMs)}`,
    };
  } finally {
    if (opened.temporary) await rm(opened.directory, { recursive: true, force: true });
  }
}

function dumpsIn({ directory }: DrillPlace): string {
  return join(directory, 'dumps');
}

/** As their service wrote them, and found to be that. */
async function layDumps(tools: Tools, set: ReadableSet, place: DrillPlace): Promise<Dump[]> {
  const dumps = set.header.databases;
  const from = await plainDumps(tools, set, dumps);
  await mkdir(dumpsIn(place), { mode: 0o700 });
  for (const { file } of dumps) await copyFile(join(from, file), join(dumpsIn(place), file));
  await readBackDumps(tools, dumpsIn(place), dumps);
  return dumps;
}

function chosen(sets: readonly SetSummary[], { set, service, destination: name }: ArchiveInput<'unpack'>): SetSummary {
  const backups = sets.filter((one) => (set === undefined ? one.purpose === 'backup' : one.id === set));
  const newest = backups.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];
  if (newest !== undefined) return newest;
  throw new AutopilotError(
    'HA_NOT_FOUND',
    `${name} has ${set === undefined ? 'no backup' : `no ${set}`} of ${service}`,
    {
      next: `make one:  homelab-autopilot enqueue backup ${service} --wait`,
    },
  );
}

function requireSmallEnough({ id, contentBytes }: SetSummary, { maxBytes, service }: ArchiveInput<'unpack'>): void {
  if (contentBytes <= maxBytes) return;
  const sizes = `${formatBytes(contentBytes)}, and a drill of it may unpack ${formatBytes(maxBytes)}`;
  throw new AutopilotError('HA_NO_SPACE', `${id} holds ${sizes}; nothing was unpacked`, {
    next: `raise backup.drill.max_bytes of ${service}`,
  });
}

/** Everything before it has succeeded, so this only adds up. */
export async function attest(tools: Tools, input: ArchiveInput<'attest'>): Promise<ArchiveOutput<'attest'>> {
  const now = tools.now();
  const recoveryMs = input.unpackMs + (input.startMs ?? 0);
  const dataAgeMs = Math.max(0, now.getTime() - Date.parse(input.createdAt));
  const started = input.startMs !== null;
  const what = started ? `restored and ${input.works ? 'working' : 'started'}` : 'restored';
  const { service, set, destination: from } = input;
  return {
    service,
    set,
    destination: from,
    of: input.of,
    provenAt: now.toISOString(),
    recoveryMs,
    dataAgeMs,
    started,
    summary: `${what} from ${from} in ${formatSpan(recoveryMs)}; its data was ${formatSpan(dataAgeMs)} old`,
  };
}
