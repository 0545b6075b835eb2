/** How a server of each sort is set up in a room of its own, and how a dump gets into it. */
import { readdir } from 'node:fs/promises';
import { ifThere } from '#kernel/if-there.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { KeyValueEntry, MysqlEntry, PostgresqlEntry, ServerEntry } from '#sdk/databases/entry.ts';
import { mysql } from '#sdk/databases/mysql.ts';
import { askPostgresql, missingRole, postgresql } from '#sdk/databases/postgresql.ts';
import { keysOf, requireKeys } from '#sdk/databases/redis-server.ts';
import type { Server } from '#sdk/databases/server.ts';
import { loadInto } from '#sdk/databases/stream.ts';
import type { Argv } from '#sdk/tools.ts';
import { entryIn, type Room, Unavailable } from './rooms.ts';

export interface Recipe<E extends ServerEntry = ServerEntry> {
  programs: readonly string[];
  /** Makes its data directory. */
  init: Argv | null;
  serve: Argv;
  /** How it is reached. */
  entry: E;
  /** What must lie in its directory before it starts. */
  lay?(server: Server, path: string): Promise<void>;
  ready(server: Server): Promise<unknown>;
  load(server: Server, dump: Dump, path: string): Promise<void>;
}

/** @throws Unavailable for a sort that no server is started of. */
export async function recipeFor(entry: ServerEntry, room: Room, dumps: readonly Dump[]): Promise<Recipe> {
  switch (entry.type) {
    case 'postgresql':
      return ofPostgresql(entry, room, await postgresqlPrograms(room, dumps));
    case 'mariadb':
      return ofMariadb(entry, room);
    case 'redis':
    case 'valkey':
      return ofRedis(entry, room);
    case 'mysql':
    case 'mongodb':
      throw new Unavailable(`no server of ${entry.type} is started apart`);
  }
}

/** Debian keeps the programs of each version in a folder of their own: the oldest that can read all of the dumps is taken. */
async function postgresqlPrograms({ container }: Room, dumps: readonly Dump[]): Promise<string> {
  if (container !== null) return '';
  const root = '/usr/lib/postgresql';
  const versions = (await ifThere(readdir(root)))?.map(Number).filter((one) => one > 0) ?? [];
  const needed = Math.max(...dumps.map(({ server }) => Number.parseInt(server, 10)));
  if (versions.length === 0) return '';
  const found = versions.toSorted((a, b) => a - b).find((one) => one >= needed);
  if (found !== undefined) return `${root}/${found}/bin/`;
  throw new Unavailable(
    `the programs of PostgreSQL here are of version ${Math.max(...versions)}, and the dump of ${needed}`,
  );
}

function ofPostgresql(entry: PostgresqlEntry, room: Room, folder: string): Recipe {
  const { directory } = room;
  const data = `${directory}/data`;
  const [initdb, postgres] = [`${folder}initdb`, `${folder}postgres`];
  const own = entryIn(entry, room, { socket: directory, user: 'postgres' });
  const settings = ['listen_addresses=', 'fsync=off', 'autovacuum=off'].flatMap((one) => ['-c', one]);
  return {
    programs: [initdb, postgres],
    init: [initdb, '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
    serve: [postgres, '-D', data, '-k', directory, ...settings],
    entry: own,
    ready: async (server) => await postgresql(server as Server<PostgresqlEntry>).ready(),
    load: async (server, dump, path) => await loadWithRoles(server as Server<PostgresqlEntry>, dump, path),
  };
}

const MOST_ROLES = 50;

/** A dump brings roles since not long; those that it names and does not bring are made without any right. */
async function loadWithRoles(server: Server<PostgresqlEntry>, dump: Dump, path: string): Promise<void> {
  for (let made = 0; ; made += 1) {
    try {
      await postgresql(server).load(dump, path);
      return;
    } catch (error) {
      const role = missingRole(error);
      if (role === undefined || made === MOST_ROLES) throw error;
      await askPostgresql(server, 'postgres', `CREATE ROLE "${role}" NOLOGIN`);
    }
  }
}

function ofMariadb(entry: MysqlEntry, room: Room): Recipe {
  const { directory } = room;
  const own = ['--no-defaults', `--datadir=${directory}/data`, ...(room.user === undefined ? ['--user=root'] : [])];
  // What the dump brings must not begin to act here.
  const settings = [
    '--skip-networking',
    '--event-scheduler=OFF',
    '--skip-log-bin',
    '--innodb-flush-log-at-trx-commit=0',
  ];
  return {
    programs: ['mariadb-install-db', 'mariadbd'],
    init: ['mariadb-install-db', ...own, '--auth-root-authentication-method=normal', '--skip-test-db'],
    serve: ['mariadbd', ...own, ...settings, `--socket=${directory}/socket`, `--pid-file=${directory}/pid`],
    entry: entryIn(entry, room, { socket: `${directory}/socket`, user: 'root' }),
    ready: async (server) => await mysql(server as Server<MysqlEntry>).ready(),
    load: async (server, dump, path) => await mysql(server as Server<MysqlEntry>).load(dump, path),
  };
}

function ofRedis(entry: KeyValueEntry, room: Room): Recipe {
  const { directory } = room;
  const program = entry.type === 'valkey' ? 'valkey-server' : 'redis-server';
  const socket = `${directory}/socket`;
  const settings = ['--dir', directory, '--dbfilename', 'dump.rdb', '--save', '', '--appendonly', 'no'];
  return {
    programs: [program],
    init: null,
    serve: [program, ...settings, '--port', '0', '--unixsocket', socket],
    entry: entryIn(entry, room, { socket }),
    // It reads its snapshot when it starts.
    lay: async (server, path) => {
      const { tools, timeoutMs } = server;
      await loadInto(tools, server.run(['dd', `of=${directory}/dump.rdb`]), { path, timeoutMs });
    },
    ready: async (server) => await keysOf(server as Server<KeyValueEntry>),
    load: async (server, dump) => await requireKeys(server as Server<KeyValueEntry>, dump),
  };
}
