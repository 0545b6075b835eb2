/** Dumps are tried out: each is loaded into a server of the drill's own, which goes with all that is in it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { formatSpan } from '#kernel/format.ts';
import { untilAnswered } from '#kernel/wait.ts';
import { type Configured, matchedDumps } from '#sdk/databases/databases.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { DatabaseEntry, ServerEntry } from '#sdk/databases/entry.ts';
import { type ContainerReach, type DatabaseTools, reach, type Server } from '#sdk/databases/server.ts';
import { tryFile } from '#sdk/databases/sqlite.ts';
import { toldSize } from '#sdk/databases/told.ts';
import type { Child } from '#sdk/tools.ts';
import { type Recipe, recipeFor } from './recipes.ts';
import { containerRoom, hostRoom, type Room, removeRooms, requirePrograms, Unavailable } from './rooms.ts';

export interface Tried {
  dump: Dump;
  /** Why it was not tried; null: it was loaded, whole. */
  skipped: string | null;
  tookMs: number;
}

export interface Trial {
  trial: string;
  /** Where the dumps lie. */
  directory: string;
  dumps: readonly Dump[];
}

const START_MS = 120_000;

/** @throws AutopilotError HA_DUMP_INVALID for one that cannot be loaded. */
export async function tryAll(tools: DatabaseTools, configured: Configured, wish: Trial): Promise<Tried[]> {
  const byEntry = Map.groupBy(matchedDumps(configured, wish.dumps), ({ entry }) => entry);
  const tried: Tried[] = [];
  for (const [entry, matched] of byEntry) {
    const dumps = matched.map(({ dump }) => dump);
    tried.push(...(await tryEntry(tools, configured, { ...wish, entry, dumps })));
  }
  return tried;
}

/** However far it had come. */
export async function endTry(
  tools: DatabaseTools,
  { entries, socket }: { entries: readonly DatabaseEntry[]; socket: string },
  trial: string,
) {
  const inContainers = entries.some((entry) => entry.type !== 'sqlite' && entry.container !== undefined);
  await removeRooms(tools, trial, inContainers ? [socket] : []);
}

async function tryEntry(
  tools: DatabaseTools,
  configured: Configured,
  { entry, ...wish }: Trial & { entry: DatabaseEntry },
): Promise<Tried[]> {
  try {
    if (entry.type === 'sqlite') return await trySqlite(tools, entry, wish);
    return await tryServer(tools, configured, { ...wish, entry });
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!(error instanceof Unavailable)) throw error;
    return wish.dumps.map((dump) => ({ dump, skipped: error.message, tookMs: 0 }));
  }
}

async function trySqlite(
  tools: DatabaseTools,
  entry: Extract<DatabaseEntry, { type: 'sqlite' }>,
  { directory, dumps }: Trial,
): Promise<Tried[]> {
  const tried: Tried[] = [];
  for (const dump of dumps) {
    const began = performance.now();
    const copy = join(await tools.scratch(), 'tried.db');
    try {
      await tryFile(tools, entry, { dump, from: join(directory, dump.file), copy });
    } finally {
      await rm(copy, { force: true });
    }
    tried.push({ dump, skipped: null, tookMs: Math.round(performance.now() - began) });
  }
  return tried;
}

async function tryServer(
  tools: DatabaseTools,
  configured: Configured,
  wish: Trial & { entry: ServerEntry },
): Promise<Tried[]> {
  const { entry, dumps, trial } = wish;
  const like = entry.container === undefined ? null : await configured.container(entry.container);
  try {
    const room = await roomFor(tools, wish, like);
    const { container } = room;
    const recipe = await recipeFor(entry, room, dumps);
    await requirePrograms(tools, room, recipe.programs);
    const around = { ...configured, container: async () => container ?? unreachable() };
    return await tryIn(await reach(tools, recipe.entry, around), recipe, wish);
  } finally {
    await removeRooms(tools, trial, like === null ? [] : [like.socket]);
  }
}

async function tryIn(server: Server, recipe: Recipe, { dumps, directory }: Trial): Promise<Tried[]> {
  const files = dumps.map((dump) => ({ dump, path: join(directory, dump.file) }));
  const [first] = files;
  const { lay } = recipe;
  if (lay !== undefined && first !== undefined) await lay(server, first.path);
  const running = await start(server, recipe).catch((error: unknown) => {
    // What it reads when it starts is the dump.
    throw lay === undefined || first === undefined ? error : unloadable(first.dump, error);
  });
  try {
    const tried: Tried[] = [];
    for (const file of files) tried.push(await tryDump(server, recipe, file));
    return tried;
  } finally {
    running.kill();
    await running.done.catch(() => undefined);
  }
}

function unreachable(): never {
  throw new Error('a server that is not in a container is not asked for one');
}

/** In a container like that of the server, where it is in one; else here. PostgreSQL does not run as root. */
async function roomFor(
  tools: DatabaseTools,
  { entry, dumps, trial }: Trial & { entry: ServerEntry },
  like: ContainerReach | null,
): Promise<Room> {
  const unprivileged = entry.type === 'postgresql' ? 'postgres' : undefined;
  if (like !== null) return await containerRoom(tools, trial, { like, user: unprivileged });
  const user = process.getuid?.() === 0 ? unprivileged : undefined;
  if (user !== undefined && (await tools.exec(['id', '-u', user], { okCodes: [0, 1] })).code !== 0) {
    throw new Unavailable(`there is no user ${user} on this host for a server to run as`);
  }
  const bytes = dumps.reduce((sum, dump) => sum + dump.bytes, 0);
  return await hostRoom(tools, trial, { user, bytes });
}

async function start(server: Server, { init, serve, ready }: Recipe): Promise<Child> {
  const { tools, timeoutMs } = server;
  if (init !== null) {
    const { argv, env = {} } = server.run(init);
    await tools.exec(argv, { env, timeoutMs });
  }
  const { argv, env = {} } = server.run(serve);
  const child = tools.spawn(argv, { env });
  // One that ends at once says more than one that does not answer.
  const ended = child.done.then((): never => {
    throw new AutopilotError('HA_COMMAND_FAILED', `${serve[0]} ended by itself`);
  });
  ended.catch(() => undefined);
  await Promise.race([
    ended,
    untilAnswered(() => ready(server), { timeoutMs: START_MS, everyMs: 250, signal: tools.signal }),
  ]);
  return child;
}

/** What a plain server lacks is no fault of the dump. */
const LACKING = /extension "([^"]+)" is not available|could not open extension control file "([^"]+)"/;

async function tryDump(server: Server, { load }: Recipe, { dump, path }: { dump: Dump; path: string }): Promise<Tried> {
  const began = performance.now();
  try {
    await load(server, dump, path);
    return { dump, skipped: null, tookMs: Math.round(performance.now() - began) };
  } catch (error) {
    server.tools.signal.throwIfAborted();
    if (!(error instanceof AutopilotError)) throw error;
    const lacking = LACKING.exec(error.message);
    if (lacking !== null) {
      return { dump, skipped: `a plain server lacks the extension ${lacking[1] ?? lacking[2]}`, tookMs: 0 };
    }
    throw unloadable(dump, error);
  }
}

function unloadable({ type, name }: Dump, error: unknown): unknown {
  if (!(error instanceof AutopilotError)) return error;
  return new AutopilotError('HA_DUMP_INVALID', `the dump of ${type} ${name} cannot be loaded: ${error.message}`, {
    cause: error,
    next: 'see what the server says; backup.drill.databases: false leaves dumps out of drills',
  });
}

/** For the step that asked. */
export function reportOf(tried: readonly Tried[]): { loaded: number; skipped: string[]; summary: string } {
  const skipped = tried.filter((one) => one.skipped !== null);
  return {
    loaded: tried.length - skipped.length,
    skipped: skipped.map(({ dump: { type, name }, skipped: reason }) => `${type} ${name}: ${reason}`),
    summary: toldTrials(tried),
  };
}

/** `postgresql paperless: 62 tables in 3.1 s; mongodb shop: not tried, no server of mongodb is started apart` */
function toldTrials(tried: readonly Tried[]): string {
  const parts = tried.map(({ dump, skipped, tookMs }) => {
    const { type, name } = dump;
    if (skipped !== null) return `${type} ${name}: not tried, ${skipped}`;
    return `${type} ${name}: ${toldSize(dump)} in ${formatSpan(tookMs)}`;
  });
  return parts.join('; ') || 'no dump to load';
}
