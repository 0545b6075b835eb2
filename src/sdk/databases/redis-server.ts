/** What a Redis or Valkey server says of itself. */
import { AutopilotError } from '#kernel/errors.ts';
import { untilAnswered } from '#kernel/wait.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { KeyValueEntry } from '#sdk/databases/entry.ts';
import { ask, type Server, unanswered } from '#sdk/databases/server.ts';
import { invalidDump } from '#sdk/databases/watch.ts';
import type { Argv } from '#sdk/tools.ts';

export type RedisServer = Server<KeyValueEntry>;

export function nameOf({ entry, place }: Pick<RedisServer, 'entry' | 'place'>): string {
  return entry.container ?? place;
}

export function cli({ entry }: RedisServer, ...words: string[]): Argv {
  const { host, port, socket, user } = entry;
  return [
    entry.type === 'valkey' ? 'valkey-cli' : 'redis-cli',
    ...(socket === undefined ? [] : ['-s', socket]),
    ...(host === undefined ? [] : ['-h', host]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['--user', user]),
    '--no-auth-warning',
    ...words,
  ];
}

export async function askRedis(server: RedisServer, section: string): Promise<Map<string, string>> {
  const text = await ask(server, cli(server, 'INFO', section));
  // It tells of a wrong password in an answer like any other, and ends well.
  if (!text.startsWith('#')) {
    throw unanswered(server, new AutopilotError('HA_COMMAND_FAILED', text.slice(0, 200)), cli(server)[0]);
  }
  return pairs(text.split(/\r?\n/).map((line) => line.split(':', 2)));
}

function pairs(rows: readonly string[][]): Map<string, string> {
  return new Map(rows.map(([key = '', value = '']) => [key, value]));
}

export async function keysOf(server: RedisServer): Promise<number> {
  const databases = [...(await askRedis(server, 'keyspace')).values()];
  return databases.reduce((sum, text) => sum + Number(/keys=(\d+)/.exec(text)?.[1] ?? 0), 0);
}

const START_MS = 120_000;

/** Waits until a server that was started has read its snapshot. @throws AutopilotError HA_DUMP_INVALID */
export async function requireKeys(server: RedisServer, { tables, name }: Pick<Dump, 'tables' | 'name'>): Promise<void> {
  const { signal } = server.tools;
  const keys = await untilAnswered(() => keysOf(server), { timeoutMs: START_MS, everyMs: 250, signal });
  // Keys whose time was over do not come back.
  if (keys <= tables && (keys > 0 || tables === 0)) return;
  throw invalidDump(name, `there are ${keys} keys after the restore, and it was made of ${tables}`);
}

const SETTINGS = ['dir', 'dbfilename', 'appendonly', 'appendfilename', 'appenddirname'] as const;

export async function settingsOf(server: RedisServer): Promise<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const name of SETTINGS) {
    const [, value = ''] = (await ask(server, cli(server, 'CONFIG', 'GET', name))).split(/\r?\n/);
    settings[name] = value;
  }
  return settings;
}
