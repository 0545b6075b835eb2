/** All databases of one service: dumped into the directory of a set, and put back out of it. */
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { untilAnswered } from '#kernel/wait.ts';
import { untilSetUp } from '#sdk/databases/container.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { DumpJob, Engine } from '#sdk/databases/engine.ts';
import { DATABASE_NAME, type DatabaseEntry } from '#sdk/databases/entry.ts';
import { mongodb } from '#sdk/databases/mongodb.ts';
import { mysql } from '#sdk/databases/mysql.ts';
import { postgresql } from '#sdk/databases/postgresql.ts';
import { redis } from '#sdk/databases/redis.ts';
import { nameOf } from '#sdk/databases/redis-server.ts';
import { type DatabaseTools, placeOf, reach, type Surroundings } from '#sdk/databases/server.ts';
import { sqlite } from '#sdk/databases/sqlite.ts';
import { milliseconds } from '#sdk/duration.ts';

/** Entries and where they are. */
export interface Configured extends Surroundings {
  entries: readonly DatabaseEntry[];
}

export interface DumpWish {
  directory: string;
  /** zstd level. */
  level: number;
  /** Whether a small change of the data is to change little of a dump's file. */
  shareable: boolean;
  /** Whether the files of an entry are captured at rest by the same set. */
  atRest(entry: DatabaseEntry): boolean;
}

/** One after the other: a homelab's disk is not faster for two. What an earlier attempt left is written over. */
export async function dumpAll(
  tools: DatabaseTools,
  { entries, ...around }: Configured,
  { directory, level, shareable, atRest }: DumpWish,
): Promise<Dump[]> {
  const dumps: Dump[] = [];
  for (const entry of entries) {
    const engine = await engineOf(tools, entry, around);
    for (const job of await engine.jobs()) {
      tools.progress({ note: `${entry.type} ${job.name}` });
      const file = fileName(dumps.length + 1, entry.type, job);
      const path = join(directory, file);
      await rm(path, { force: true });
      const dumped = await job.dump({ path, level, shareable, timeoutMs: milliseconds(entry.timeout) });
      dumps.push({ ...dumped, file, type: entry.type, atRest: atRest(entry) });
    }
  }
  return dumps;
}

/** Each into the entry that it was made of. All of them are matched before anything is changed. */
export async function loadAll(
  tools: DatabaseTools,
  configured: Configured,
  { directory, dumps }: { directory: string; dumps: readonly Dump[] },
): Promise<void> {
  for (const { dump, entry } of matchedDumps(configured, dumps)) {
    tools.progress({ note: `${dump.type} ${dump.name}` });
    if (entry.type !== 'sqlite' && entry.container !== undefined) {
      await untilSetUp(tools, await configured.container(entry.container));
    }
    const engine = await engineOf(tools, entry, configured);
    await untilReady(tools, engine);
    await engine.load(dump, join(directory, dump.file));
  }
}

/** A dump, and the entry that it belongs to. */
export interface MatchedDump {
  dump: Dump;
  entry: DatabaseEntry;
}

/** @throws AutopilotError HA_RESTORE_REFUSED when the configuration does not know where a dump belongs. */
export function matchedDumps(configured: Configured, dumps: readonly Dump[]): MatchedDump[] {
  return dumps.map((dump) => ({ dump, entry: entryOf(configured.entries, dump, configured) }));
}

const READY_MS = 60_000;

/** A server that was started a moment ago does not answer at once. */
async function untilReady({ signal }: DatabaseTools, { ready }: Engine): Promise<void> {
  await untilAnswered(ready, { timeoutMs: READY_MS, everyMs: 500, signal });
}

function entryOf(entries: readonly DatabaseEntry[], dump: Dump, around: Pick<Surroundings, 'file'>): DatabaseEntry {
  const same = entries.filter((entry) => entry.type === dump.type && holds(entry, dump, around));
  const entry = same.find((one) => placeOf(one) === dump.place) ?? same[0];
  if (entry !== undefined) return entry;
  throw new AutopilotError(
    'HA_RESTORE_REFUSED',
    `the set holds a dump of the ${dump.type} database ${dump.name} (${dump.place}), which backup.databases does not name`,
    { next: 'add it to backup.databases of the service, so that it is known where it belongs' },
  );
}

/** A server may have moved since: its name is what counts, its place only where there are several. */
function holds(entry: DatabaseEntry, dump: Dump, { file }: Pick<Surroundings, 'file'>): boolean {
  if (entry.type === 'sqlite') return file(entry.path) === dump.name;
  if (entry.type === 'redis' || entry.type === 'valkey') return nameOf({ entry, place: placeOf(entry) }) === dump.name;
  if (!DATABASE_NAME.test(dump.name)) return false;
  return entry.name === 'all' || [entry.name].flat().includes(dump.name);
}

async function engineOf(tools: DatabaseTools, entry: DatabaseEntry, around: Surroundings): Promise<Engine> {
  switch (entry.type) {
    case 'sqlite':
      return sqlite(tools, entry, around.file(entry.path));
    case 'postgresql':
      return postgresql(await reach(tools, entry, around));
    case 'mariadb':
    case 'mysql':
      return mysql(await reach(tools, entry, around));
    case 'mongodb':
      return mongodb(await reach(tools, entry, around));
    case 'redis':
    case 'valkey':
      return redis(await reach(tools, entry, around));
  }
}

function fileName(number: number, type: string, { name, ending }: DumpJob): string {
  const plain = basename(name).replaceAll(/[^A-Za-z0-9_.-]+/g, '-');
  return `dump-${number}-${type}-${plain.slice(0, 100)}.${ending}.zst`;
}
