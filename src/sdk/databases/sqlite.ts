/** SQLite by its own program: a copy that is consistent while others write, and a file that is replaced as a whole. */
import { createReadStream, type Stats } from 'node:fs';
import { chmod, chown, open, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { renameDurably } from '#kernel/durable.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { ifThere } from '#kernel/if-there.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { Dumped, Engine } from '#sdk/databases/engine.ts';
import type { SqliteEntry } from '#sdk/databases/entry.ts';
import type { DatabaseTools } from '#sdk/databases/server.ts';
import { type DumpFile, unpackTo, writeTo } from '#sdk/databases/stream.ts';
import { versionIn } from '#sdk/databases/tool-version.ts';
import { ends, invalidDump } from '#sdk/databases/watch.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Argv } from '#sdk/tools.ts';

interface SqliteFile {
  tools: DatabaseTools;
  path: string;
  timeoutMs: number;
}

/** Files that SQLite keeps beside a database; with another database they would destroy it. */
const COMPANIONS = ['-wal', '-shm', '-journal'] as const;

export function companionsOf(path: string): string[] {
  return COMPANIONS.map((ending) => `${path}${ending}`);
}

/** @param path the absolute path of the file. */
export function sqlite(tools: DatabaseTools, entry: SqliteEntry, path: string): Engine {
  const file = { tools, path, timeoutMs: milliseconds(entry.timeout) };
  return {
    jobs: async () => [{ name: path, ending: 'db', dump: async (to) => await dump(file, to) }],
    ready: async () => undefined,
    load: async (given, from) => await load(file, given, from),
  };
}

/** SQLite has no stream of a database that would bring all of it back, so this one is copied first. */
async function dump(database: SqliteFile, to: DumpFile): Promise<Dumped> {
  const { tools, path, timeoutMs } = database;
  const there = await ifThere(stat(path));
  if (there?.isFile() !== true) {
    throw new AutopilotError('HA_SOURCE_MISSING', `there is no SQLite database ${path}`, {
      next: 'correct its path in backup.databases',
    });
  }
  const copy = join(await tools.scratch(), `sqlite-${newId()}.db`);
  try {
    await tools.exec(sqlite3(path, '.timeout 60000', `.backup main ${quoted(copy)}`), { timeoutMs });
    const tables = await look(database, copy);
    const watch = ends();
    const written = await writeTo(tools, to, { pieces: createReadStream(copy), watch });
    if (!watch.head().subarray(0, 16).equals(Buffer.from('SQLite format 3\0'))) {
      throw invalidDump(path, 'it is no SQLite database');
    }
    const version = versionIn((await tools.exec(['sqlite3', '--version'])).stdout);
    const detail = { mode: (there.mode & 0o7777).toString(8), uid: String(there.uid), gid: String(there.gid) };
    return { ...written, name: path, place: 'file', server: version, tool: version, tables, detail };
  } finally {
    await rm(copy, { force: true });
  }
}

/** The user's own start file must not have a word in it. */
function sqlite3(path: string, ...commands: string[]): Argv {
  return ['sqlite3', '-init', '/dev/null', '-batch', '-bail', path, ...commands];
}

/** As the program reads words of its own commands. */
function quoted(path: string): string {
  return `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** @returns how many tables it has. */
async function look({ tools, path, timeoutMs }: SqliteFile, copy: string): Promise<number> {
  const question = "PRAGMA quick_check; SELECT count(*) FROM sqlite_schema WHERE type = 'table';";
  const { stdout } = await tools.exec(sqlite3(copy, question), { timeoutMs });
  const lines = stdout.trim().split('\n');
  if (lines[0] !== 'ok') throw invalidDump(path, lines.slice(0, 3).join('; '));
  return Number(lines[1]);
}

/** Looks whether a dump is a whole database with all of its tables, in a copy of its own. */
export async function tryFile(
  tools: DatabaseTools,
  { timeout }: SqliteEntry,
  { dump, from, copy }: { dump: Dump; from: string; copy: string },
): Promise<void> {
  const timeoutMs = milliseconds(timeout);
  await using file = await open(copy, 'w', 0o600);
  await unpackTo(tools, from, { file, timeoutMs });
  await requireTables({ tools, path: dump.name, timeoutMs }, copy, dump.tables);
}

async function requireTables(database: SqliteFile, copy: string, tables: number): Promise<void> {
  const found = await look(database, copy);
  if (found === tables) return;
  throw invalidDump(database.path, `there are ${found} tables after the restore, and it was made of ${tables}`);
}

/** Found whole beside the old file, and only then given its name. */
async function load(database: SqliteFile, { tables, detail }: Dump, from: string): Promise<void> {
  const { tools, path, timeoutMs } = database;
  const fresh = join(dirname(path), `.${basename(path)}.autopilot-restore`);
  try {
    for (const one of [fresh, ...companionsOf(fresh)]) await rm(one, { force: true });
    await using file = await open(fresh, 'wx', 0o600);
    await unpackTo(tools, from, { file, timeoutMs });
    await requireTables(database, fresh, tables);
    await giveOwner(fresh, await ifThere(stat(path)), detail);
    await file.sync();
    tools.signal.throwIfAborted();
    // What stands in the old log must not be taken for changes of the new file.
    for (const companion of companionsOf(path)) await rm(companion, { force: true });
    await renameDurably(fresh, path);
  } finally {
    for (const one of [fresh, ...companionsOf(fresh)]) await rm(one, { force: true });
  }
}

/** As the file that is there; where there is none, as the one that was dumped. */
async function giveOwner(path: string, old: Stats | undefined, detail: Dump['detail']): Promise<void> {
  const mode = old === undefined ? Number.parseInt(detail['mode'] ?? '600', 8) : old.mode;
  await chmod(path, mode & 0o777);
  if (process.getuid?.() !== 0) return;
  await chown(path, old?.uid ?? Number(detail['uid'] ?? 0), old?.gid ?? Number(detail['gid'] ?? 0));
}
