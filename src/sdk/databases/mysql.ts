/** MariaDB and MySQL by their own dump program and client, which stops at the first error. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { Dumped, DumpJob, Engine } from '#sdk/databases/engine.ts';
import type { MysqlEntry } from '#sdk/databases/entry.ts';
import { requireNames } from '#sdk/databases/names.ts';
import { ask, type Server, unanswered } from '#sdk/databases/server.ts';
import { type DumpFile, dumpTo, loadInto } from '#sdk/databases/stream.ts';
import { versionIn } from '#sdk/databases/tool-version.ts';
import { invalidDump, requireWhole, sqlEnds } from '#sdk/databases/watch.ts';
import type { Argv } from '#sdk/tools.ts';

const COMPLETE = '-- Dump completed';

/** Since MariaDB 11 its programs have no other names. */
const PROGRAMS = {
  mariadb: { client: 'mariadb', dump: 'mariadb-dump' },
  mysql: { client: 'mysql', dump: 'mysqldump' },
} as const;

const SYSTEM = "('information_schema', 'performance_schema', 'mysql', 'sys')";
const LIST = `SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ${SYSTEM} ORDER BY 1`;

const countOf = (name: string) =>
  `SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = '${name}'`;
const charsetOf = (name: string) =>
  `SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = '${name}'`;

export function mysql(server: Server<MysqlEntry>): Engine {
  return {
    async jobs() {
      const { name } = server.entry;
      const names = name === 'all' ? requireNames(server, await query(server, LIST)) : [name].flat();
      return names.map((one) => job(server, one));
    },
    ready: async () => await query(server, 'SELECT 1'),
    load: async (dump, path) => await load(server, dump, path),
  };
}

function job(server: Server<MysqlEntry>, name: string): DumpJob {
  return { name, ending: 'sql', dump: async (file) => await dump(server, name, file) };
}

async function dump(server: Server<MysqlEntry>, name: string, file: DumpFile): Promise<Dumped> {
  const { entry, place, tools } = server;
  const program = PROGRAMS[entry.type].dump;
  const [charset = '', collation = ''] = (await query(server, charsetOf(name))).split('\t');
  if (charset === '') {
    throw new AutopilotError('HA_NOT_FOUND', `${entry.type} at ${place} has no database ${name}`, {
      next: 'correct the name in backup.databases',
    });
  }
  const tables = Number(await query(server, countOf(name)));
  const version = await query(server, 'SELECT VERSION()');
  const tool = await ask(server, [program, '--version']);
  const watch = sqlEnds();
  const how = ['--single-transaction', '--quick', '--routines', '--events', '--triggers', '--hex-blob'];
  const words: Argv = [program, ...connection(entry), ...how, ...entry.options, name];
  const written = await dumpTo(tools, server.run(words), file, { watch }).catch((error: unknown) => {
    throw unanswered(server, error, program);
  });
  requireWhole(`${name} at ${place}`, watch, { mark: COMPLETE, tables });
  return { ...written, name, place, server: version, tool: toolVersion(tool), tables, detail: { charset, collation } };
}

/** `mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for …`: the version of what it came with tells more. */
function toolVersion(text: string): string {
  return versionIn(/(?:Distrib|from) (\S+)/.exec(text)?.[1] ?? text);
}

/** `--no-defaults` must be the first word: files of the user must not change what a dump is. */
function connection({ host, socket, port, user }: MysqlEntry): string[] {
  return [
    '--no-defaults',
    ...(socket === undefined ? [] : [`--socket=${socket}`]),
    ...(host === undefined ? [] : [`--host=${host}`, '--protocol=tcp']),
    ...(port === undefined ? [] : [`--port=${port}`]),
    `--user=${user}`,
  ];
}

async function query(server: Server<MysqlEntry>, sql: string): Promise<string> {
  const { entry } = server;
  const words: Argv = [PROGRAMS[entry.type].client, ...connection(entry), '--batch', '--skip-column-names'];
  return await ask(server, words, `${sql};\n`);
}

/** What was there goes before, so that nothing of it stays between what comes back. */
async function load(server: Server<MysqlEntry>, { name, tables, detail }: Dump, path: string): Promise<void> {
  const { entry, tools, timeoutMs, place } = server;
  const { charset = '', collation = '' } = detail;
  if (![charset, collation].every((word) => /^\w+$/.test(word))) {
    throw new AutopilotError('HA_SET_UNSAFE', `the set names the character set ${JSON.stringify(charset)} of ${name}`);
  }
  const before = `DROP DATABASE IF EXISTS \`${name}\`;
CREATE DATABASE \`${name}\` CHARACTER SET ${charset} COLLATE ${collation};
USE \`${name}\`;
`;
  const words: Argv = [PROGRAMS[entry.type].client, ...connection(entry), '--batch'];
  await loadInto(tools, server.run(words), { path, timeoutMs, before }).catch((error: unknown) => {
    throw unanswered(server, error, PROGRAMS[entry.type].client);
  });
  const found = Number(await query(server, countOf(name)));
  if (found === tables) return;
  throw invalidDump(`${name} at ${place}`, `there are ${found} tables after the restore, and it was made of ${tables}`);
}
