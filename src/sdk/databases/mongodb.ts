/** MongoDB by mongodump and mongorestore as archives, and by mongosh, with the password in none of their words. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { Dumped, DumpJob, Engine } from '#sdk/databases/engine.ts';
import type { MongodbEntry } from '#sdk/databases/entry.ts';
import { archiveWatch } from '#sdk/databases/mongodb-archive.ts';
import { requireNames } from '#sdk/databases/names.ts';
import { ask, type Server, unanswered } from '#sdk/databases/server.ts';
import { type DumpFile, dumpTo, loadInto } from '#sdk/databases/stream.ts';
import { invalidDump } from '#sdk/databases/watch.ts';
import type { Argv } from '#sdk/tools.ts';

type MongodbServer = Server<MongodbEntry>;

/** The server's own. */
const SYSTEM = new Set(['admin', 'config', 'local']);

export function mongodb(server: MongodbServer): Engine {
  return {
    async jobs() {
      const { name } = server.entry;
      const names = name === 'all' ? requireNames(server, (await databases(server)).join('\n')) : [name].flat();
      return names.map((one) => job(server, one));
    },
    ready: async () => await shell(server, 'admin', z.object({ ok: z.number() }), 'db.runCommand({ ping: 1 })'),
    load: async (dump, path) => await load(server, dump, path),
  };
}

function job(server: MongodbServer, name: string): DumpJob {
  return { name, ending: 'archive', dump: async (file) => await dump(server, name, file) };
}

async function dump(server: MongodbServer, name: string, file: DumpFile): Promise<Dumped> {
  const { entry, place, tools } = server;
  if (!(await databases(server, true)).includes(name)) {
    throw new AutopilotError('HA_NOT_FOUND', `mongodb at ${place} has no database ${name}`, {
      next: 'correct the name in backup.databases',
    });
  }
  const tables = await collections(server, name);
  const watch = archiveWatch();
  const words = program(entry, 'mongodump', [...entry.options, `--db=${name}`, '--archive']);
  const written = await dumpTo(tools, server.run(words), file, { watch }).catch((error: unknown) => {
    throw unanswered(server, error, 'mongodump');
  });
  const what = `${name} at ${place}`;
  const found = watch.finish(what);
  if (found.collections < tables) {
    throw invalidDump(what, `it has ${found.collections} of the ${tables} collections that the server told of`);
  }
  return { ...written, name, place, server: found.server, tool: found.tool, tables: found.collections, detail: {} };
}

/** What was there goes before, so that nothing of it stays between what comes back. */
async function load(server: MongodbServer, { name, tables }: Dump, path: string): Promise<void> {
  const { entry, tools, timeoutMs, place } = server;
  await shell(server, name, z.object({ ok: z.literal(1) }), 'db.dropDatabase()');
  const strict = ['--archive', `--nsInclude=${name}.*`, '--drop', '--stopOnError'];
  const words = program(entry, 'mongorestore', [...secure(entry), ...strict]);
  await loadInto(tools, server.run(words), { path, timeoutMs }).catch((error: unknown) => {
    throw unanswered(server, error, 'mongorestore');
  });
  const found = await collections(server, name);
  if (found === tables) return;
  throw invalidDump(
    `${name} at ${place}`,
    `there are ${found} collections after the restore, and it was made of ${tables}`,
  );
}

/** Of the options for a dump, those that say how the server is reached. */
function secure({ options }: MongodbEntry): string[] {
  return options.filter((word) => word.startsWith('--ssl'));
}

/**
 * These programs take a password from a file of settings, and mongorestore has its input for the archive. So a shell hands
 * them one that is no file: it is the third channel, where it lies until it is read.
 */
const WITH_SETTINGS = `exec "$@" --config=/dev/fd/3 3<<END
$AUTOPILOT_SETTINGS
END`;

function program(entry: MongodbEntry, name: string, words: readonly string[]): Argv {
  const { host, socket, port, user, auth_database: from } = entry;
  const at = [
    ...(socket === undefined ? [] : [`--host=${socket}`]),
    ...(host === undefined ? [] : [`--host=${host}`]),
    ...(port === undefined ? [] : [`--port=${port}`]),
  ];
  if (user === undefined) return [name, ...at, ...words];
  const login = [`--username=${user}`, `--authenticationDatabase=${from}`];
  return ['sh', '-c', WITH_SETTINGS, 'sh', name, ...at, ...login, ...words];
}

async function databases(server: MongodbServer, withSystem = false): Promise<string[]> {
  const Names = z.array(z.string());
  const names = await shell(
    server,
    'admin',
    Names,
    'db.adminCommand({ listDatabases: 1 }).databases.map((d) => d.name)',
  );
  return withSystem ? names : names.filter((name) => !SYSTEM.has(name));
}

/** Views are dumped too, but have no documents; what the server keeps for itself is not dumped. */
async function collections(server: MongodbServer, name: string): Promise<number> {
  const list = `db.getCollectionInfos().filter((c) => c.type !== 'view' && !c.name.startsWith('system.')).length`;
  return await shell(server, name, z.number(), list);
}

/** @param question an expression of mongosh, about `db`. It comes by the input, with where and who; the words hold none of it. */
async function shell<S extends z.ZodType>(
  server: MongodbServer,
  database: string,
  shape: S,
  question: string,
): Promise<z.output<S>> {
  const { entry } = server;
  const open = `const db = connect(${JSON.stringify(addressOf(entry, database))}${loginOf(entry)});`;
  const script = `${open}\nprint(${JSON.stringify(MARK)} + JSON.stringify(${question}));\n`;
  // It reads no script from a socket, which an input may be; so a shell makes a pipe of it.
  const words: Argv = [
    'sh',
    '-c',
    'cat | "$@"',
    'sh',
    'mongosh',
    '--nodb',
    '--quiet',
    '--norc',
    '--file',
    '/dev/stdin',
  ];
  const said = await ask(server, words, script);
  const line = said.split('\n').find((one) => one.startsWith(MARK)) ?? '';
  const parsed = shape.safeParse(jsonIn(line.slice(MARK.length)));
  if (parsed.success) return parsed.data;
  throw unanswered(server, new AutopilotError('HA_COMMAND_FAILED', `mongosh: ${said.slice(0, 300)}`), 'mongosh');
}

const MARK = 'autopilot:';

function loginOf({ user }: MongodbEntry): string {
  return user === undefined ? '' : `, ${JSON.stringify(user)}, process.env.AUTOPILOT_PASSWORD`;
}

function addressOf({ host, socket, port, options, auth_database: from, user }: MongodbEntry, database: string): string {
  const name = host?.includes(':') === true ? `[${host}]` : (host ?? '127.0.0.1');
  const place = socket === undefined ? `${name}:${port ?? 27_017}` : encodeURIComponent(socket);
  const authority = options.find((word) => word.startsWith('--sslCAFile='))?.slice('--sslCAFile='.length);
  const asked = new URLSearchParams({
    ...(user === undefined ? {} : { authSource: from }),
    ...(options.some((word) => word.startsWith('--ssl')) ? { tls: 'true' } : {}),
    ...(authority === undefined ? {} : { tlsCAFile: authority }),
  });
  return `mongodb://${place}/${database}?${asked.toString()}`;
}
