/** Puts a snapshot where a Redis or Valkey server reads it when it starts, whichever way it keeps its data. */
import { chown, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { until } from '#kernel/wait.ts';
import { cli, type RedisServer, settingsOf } from '#sdk/databases/redis-server.ts';
import { ask } from '#sdk/databases/server.ts';
import { unpackTo } from '#sdk/databases/stream.ts';

/** What the server writes when it stops must not be what it reads when it starts, so the files are put in between. */
export async function loadHere(server: RedisServer, path: string): Promise<void> {
  const { entry, tools, timeoutMs } = server;
  const command = { timeoutMs, priority: 'normal' } as const;
  const settings = await settingsOf(server);
  if (entry.stop !== undefined) await tools.exec(entry.stop, command);
  try {
    await requireStopped(server);
    await putFiles(server, { settings, path });
  } finally {
    if (entry.start !== undefined) await tools.exec(entry.start, command);
  }
}

async function requireStopped(server: RedisServer): Promise<void> {
  const { tools, place, entry } = server;
  const stopped = await until(
    async () =>
      await ask(server, cli(server, 'PING')).then(
        () => undefined,
        () => true,
      ),
    { timeoutMs: 30_000, everyMs: 250, signal: tools.signal },
  );
  if (stopped === true) return;
  throw new AutopilotError('HA_CHECK_FAILED', `${entry.type} at ${place} still runs after ${entry.stop?.join(' ')}`, {
    next: 'correct `stop` of its entry in backup.databases; nothing was changed',
  });
}

type Settings = Record<string, string>;

interface Places {
  dir: string;
  /** The snapshot, in that directory. */
  file: string;
  log: string;
  logFolder: string;
  isLogged: boolean;
}

/** Names come out of a set here, so they must not lead anywhere else. */
export function placesOf(settings: Settings): Places {
  const { dir = '', dbfilename = '', appendfilename = '', appenddirname = '', appendonly } = settings;
  const names = [dbfilename, appendfilename, appenddirname].filter((name) => name !== '');
  if (!isAbsolute(dir) || dbfilename === '' || names.some((name) => !/^[\w][\w.-]*$/.test(name))) {
    throw new AutopilotError('HA_SET_UNSAFE', `the place of the snapshot is odd: ${JSON.stringify([dir, ...names])}`);
  }
  return { dir, file: dbfilename, log: appendfilename, logFolder: appenddirname, isLogged: appendonly === 'yes' };
}

/**
 * A server with a log reads that and not the snapshot. Since version 7 the log is a folder whose base may be a
 * snapshot; before, a file that may begin with one.
 */
export async function laid(
  { tools, timeoutMs }: Pick<RedisServer, 'tools' | 'timeoutMs'>,
  folder: string,
  { settings, path }: { settings: Settings; path: string },
): Promise<string[]> {
  const { file, log, logFolder, isLogged } = placesOf(settings);
  const places = [file];
  if (isLogged && logFolder === '') places.push(log);
  if (isLogged && logFolder !== '') {
    await mkdir(join(folder, logFolder), { mode: 0o750 });
    places.push(join(logFolder, `${log}.1.base.rdb`));
    const names = [`file ${log}.1.base.rdb seq 1 type b`, `file ${log}.1.incr.aof seq 1 type i`];
    await writeFile(join(folder, logFolder, `${log}.1.incr.aof`), '', { mode: 0o640 });
    await writeFile(join(folder, logFolder, `${log}.manifest`), `${names.join('\n')}\n`, { mode: 0o640 });
  }
  for (const place of places) {
    await using to = await open(join(folder, place), 'wx', 0o640);
    await unpackTo(tools, path, { file: to, timeoutMs });
  }
  return isLogged ? [file, logFolder === '' ? log : logFolder] : [file];
}

/** All is laid out beside the old files first, on the same file system. */
async function putFiles(server: RedisServer, { settings, path }: { settings: Settings; path: string }): Promise<void> {
  const { dir } = placesOf(settings);
  const { uid, gid } = await stat(dir);
  const draft = join(dir, `.autopilot-restore-${newId()}`);
  await mkdir(draft, { mode: 0o700 });
  try {
    const names = await laid(server, draft, { settings, path });
    if (process.getuid?.() === 0) {
      await server.tools.exec(['chown', '--recursive', '--', `${uid}:${gid}`, draft]);
      await chown(draft, uid, gid);
    }
    server.tools.signal.throwIfAborted();
    for (const name of names) {
      await rm(join(dir, name), { recursive: true, force: true });
      await rename(join(draft, name), join(dir, name));
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
