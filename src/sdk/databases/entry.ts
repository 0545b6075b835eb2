/** What users write under `backup.databases`: which database, and how its server is reached. */
import { z } from 'zod';
import { Command } from '#sdk/command.ts';
import { Duration } from '#sdk/duration.ts';
import { secret } from '#sdk/secret.ts';

/** Names become words of command lines and of SQL, so they hold nothing that either would read as something else. */
export const DATABASE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.$-]{0,62}$/;

const Name = z
  .string()
  .regex(DATABASE_NAME, 'a database name has letters, digits, "_", ".", "$" and "-", and begins with none of the last');

const Names = z
  .union([Name, z.array(Name).min(1)])
  .describe('Name of the database, a list of names, or `all` for those that the server has');

const Word = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

const reached = {
  container: z
    .string()
    .regex(Word, 'a container has letters, digits, ".", "_" and "-", and begins with a letter or digit')
    .optional()
    .describe('Compose service, or container, in which the server runs: its own tools are used there'),
  host: z
    .string()
    .regex(/^[A-Za-z0-9:][A-Za-z0-9:._-]*$/, 'not a host name or address')
    .optional()
    .describe('Host of the server; left out, its local socket'),
  port: z.int().min(1).max(65_535).optional().describe('Port of the server'),
  socket: z
    .string()
    .startsWith('/', 'must be an absolute path: it begins with /')
    .optional()
    .describe('Socket of the server, or the directory that it lies in (PostgreSQL)'),
  run_as: z
    .string()
    .regex(Word, 'not the name of a user of the system')
    .optional()
    .describe('User of the system as whom the tools run, where the server knows its users by that'),
  password: secret().optional().describe('Password of the user'),
  timeout: Duration.default('1h').describe('How long each dump, and each way back, may take'),
};

const User = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.$@-]{0,62}$/, 'not the name of a database user');

/** Other options could change where a dump goes, or leave out what its check looks for. */
function options(allowed: readonly string[]) {
  const known = new Set(allowed);
  return z
    .array(
      z.string().refine((word) => known.has(word.split('=', 1)[0] ?? '') && !word.includes('\0'), {
        error: `not an option that may be given here; these may: ${allowed.join(', ')}`,
      }),
    )
    .default([])
    .describe(`More options of the program that dumps: ${allowed.join(', ')}`);
}

const Postgresql = z.strictObject({
  type: z.literal('postgresql'),
  name: Names,
  user: User.default('postgres').describe('User of the server; it must own the databases, or be a superuser'),
  ...reached,
  options: options([
    '--exclude-table-data',
    '--lock-wait-timeout',
    '--no-comments',
    '--no-publications',
    '--no-security-labels',
    '--no-subscriptions',
    '--no-tablespaces',
    '--no-unlogged-table-data',
  ]),
});

const mysqlOptions = options([
  '--column-statistics',
  '--default-character-set',
  '--ignore-table-data',
  '--max-allowed-packet',
  '--net-buffer-length',
  '--no-tablespaces',
  '--set-gtid-purged',
]);

const mysqlUser = User.default('root').describe('User of the server');

const Mariadb = z.strictObject({
  type: z.literal('mariadb'),
  name: Names,
  user: mysqlUser,
  ...reached,
  options: mysqlOptions,
});

const Mysql = z.strictObject({
  type: z.literal('mysql'),
  name: Names,
  user: mysqlUser,
  ...reached,
  options: mysqlOptions,
});

const Mongodb = z.strictObject({
  type: z.literal('mongodb'),
  name: Names,
  user: User.optional().describe('User of the server; left out, nobody logs in'),
  auth_database: Name.default('admin').describe('Database in which that user was made'),
  ...reached,
  options: options(['--numParallelCollections', '--readPreference', '--ssl', '--sslCAFile']),
});

const redisKeys = {
  user: User.optional().describe('User of the server (ACL); left out, the default one'),
  ...reached,
  stop: Command.optional().describe('Stops the server before its data is put back: [systemctl, stop, redis]'),
  start: Command.optional().describe('Starts it again: [systemctl, start, redis]'),
};

const Redis = z.strictObject({ type: z.literal('redis'), ...redisKeys });

const Valkey = z.strictObject({ type: z.literal('valkey'), ...redisKeys });

const Sqlite = z.strictObject({
  type: z.literal('sqlite'),
  path: z
    .string()
    .min(1)
    .refine((path) => !path.includes('\0') && !path.includes('\n'), 'cannot hold a NUL character or a line break')
    .describe('File of the database; in a Compose project also relative to `path` of the service'),
  timeout: reached.timeout,
});

export const DatabaseEntry = z
  .discriminatedUnion('type', [Postgresql, Mariadb, Mysql, Mongodb, Redis, Valkey, Sqlite])
  .superRefine((entry, issues) => {
    if (entry.type === 'sqlite') return;
    const refuse = (key: string, message: string) => issues.addIssue({ code: 'custom', path: [key], message });
    if (entry.socket !== undefined && entry.host !== undefined) refuse('host', 'give "socket" or "host", not both');
    if (entry.type === 'mongodb' && entry.user !== undefined && entry.password === undefined) {
      refuse('user', 'needs a "password"');
    }
    if (entry.type === 'mongodb' && entry.user === undefined && entry.password !== undefined) {
      refuse('password', 'needs a "user"');
    }
    if (entry.type !== 'redis' && entry.type !== 'valkey') return;
    if (entry.container !== undefined && entry.stop !== undefined) {
      refuse('stop', 'a server in a container is stopped and started by Docker; leave it out');
    }
    if (entry.container === undefined && (entry.stop === undefined || entry.start === undefined)) {
      refuse('type', 'needs "stop" and "start": its data can only be put back while it does not run');
    }
  });
export type DatabaseEntry = z.output<typeof DatabaseEntry>;
export type ServerEntry = Exclude<DatabaseEntry, { type: 'sqlite' }>;
export type PostgresqlEntry = Extract<ServerEntry, { type: 'postgresql' }>;
export type MysqlEntry = Extract<ServerEntry, { type: 'mariadb' | 'mysql' }>;
export type MongodbEntry = Extract<ServerEntry, { type: 'mongodb' }>;
export type KeyValueEntry = Extract<ServerEntry, { type: 'redis' | 'valkey' }>;
export type SqliteEntry = Extract<DatabaseEntry, { type: 'sqlite' }>;

/** `backup.databases` of a service. */
export const Databases = z
  .array(DatabaseEntry)
  .max(100)
  .default([])
  .describe('Databases that are dumped into each backup, by the vendor’s own tools');
