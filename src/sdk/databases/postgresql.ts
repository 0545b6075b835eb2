/** PostgreSQL by pg_dump and psql: a dump comes back in one transaction, whole or not at all. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import type { Dumped, DumpJob, Engine } from '#sdk/databases/engine.ts';
import type { PostgresqlEntry } from '#sdk/databases/entry.ts';
import { requireNames } from '#sdk/databases/names.ts';
import { rolesOf } from '#sdk/databases/postgresql-roles.ts';
import { connection, psql } from '#sdk/databases/postgresql-words.ts';
import { ask, type Server, unanswered } from '#sdk/databases/server.ts';
import { type DumpFile, dumpTo, loadInto } from '#sdk/databases/stream.ts';
import { versionIn } from '#sdk/databases/tool-version.ts';
import { requireWhole, sqlEnds } from '#sdk/databases/watch.ts';
import type { Argv } from '#sdk/tools.ts';

const COMPLETE = '-- PostgreSQL database dump complete';

/** Tables that a dump has: those of users, and not those that belong to an extension. */
const COUNT = `SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
 AND d.objid = c.oid AND d.deptype = 'e')`;

const LIST = 'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1';

export function postgresql(server: Server<PostgresqlEntry>): Engine {
  return {
    async jobs() {
      const { name } = server.entry;
      const names =
        name === 'all' ? requireNames(server, await askPostgresql(server, 'postgres', LIST)) : [name].flat();
      return names.map((one) => job(server, one));
    },
    ready: async () => await askPostgresql(server, 'postgres', 'SELECT 1'),
    load: async (dump, path) => await load(server, dump, path),
  };
}

function job(server: Server<PostgresqlEntry>, name: string): DumpJob {
  return { name, ending: 'sql', dump: async (file) => await dump(server, name, file) };
}

async function dump(server: Server<PostgresqlEntry>, name: string, file: DumpFile): Promise<Dumped> {
  const { entry, place, tools } = server;
  const tables = Number(await askPostgresql(server, name, COUNT));
  const version = await askPostgresql(server, name, 'SHOW server_version');
  const tool = await ask(server, ['pg_dump', '--version']);
  const watch = sqlEnds();
  const words: Argv = ['pg_dump', ...connection(entry), '--format=plain', ...entry.options, `--dbname=${name}`];
  const before = await rolesOf(server, name);
  const written = await dumpTo(tools, server.run(words), file, { watch, before }).catch((error: unknown) => {
    throw unanswered(server, error, 'pg_dump');
  });
  requireWhole(`${name} at ${place}`, watch, { mark: COMPLETE, tables });
  return { ...written, name, place, server: version, tool: versionIn(tool), tables, detail: {} };
}

export async function askPostgresql(server: Server<PostgresqlEntry>, database: string, sql: string): Promise<string> {
  return await ask(server, [...psql(server.entry, database), '--tuples-only', '--no-align', `--command=${sql}`]);
}

/**
 * A dump is meant for an empty database, and what came after it must not stay between what it brings: so all that is
 * there goes first, in the same transaction. Somebody who still works with it makes this fail, and not wait for ever.
 */
const EMPTY = `SET lock_timeout = '60s';
SET client_min_messages = warning;
DO $autopilot$ DECLARE one record; BEGIN
FOR one IN SELECT evtname AS name FROM pg_catalog.pg_event_trigger LOOP
 EXECUTE format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', one.name); END LOOP;
FOR one IN SELECT pubname AS name FROM pg_catalog.pg_publication LOOP
 EXECUTE format('DROP PUBLICATION %I', one.name); END LOOP;
FOR one IN SELECT extname AS name FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' LOOP
 EXECUTE format('DROP EXTENSION IF EXISTS %I CASCADE', one.name); END LOOP;
FOR one IN SELECT nspname AS name FROM pg_catalog.pg_namespace
 WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
 EXECUTE format('DROP SCHEMA %I CASCADE', one.name); END LOOP;
PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
IF current_setting('server_version_num')::int >= 150000 THEN
 ALTER SCHEMA public OWNER TO pg_database_owner;
ELSE
 GRANT CREATE ON SCHEMA public TO PUBLIC;
END IF;
END $autopilot$;
RESET client_min_messages;
`;

function countedAfter(tables: number): string {
  return `DO $autopilot$ DECLARE found bigint; BEGIN
found := (${COUNT});
IF found <> ${tables} THEN
 RAISE EXCEPTION 'there are % tables after the restore, and the dump was made of ${tables}', found; END IF;
END $autopilot$;
`;
}

async function load(server: Server<PostgresqlEntry>, { name, tables }: Dump, path: string): Promise<void> {
  const { entry, tools, timeoutMs, place } = server;
  const there = await askPostgresql(
    server,
    'postgres',
    `SELECT count(*) FROM pg_catalog.pg_database WHERE datname = '${name}'`,
  );
  if (there === '0') await askPostgresql(server, 'postgres', `CREATE DATABASE "${name}" TEMPLATE template0`);
  const words: Argv = [...psql(entry, name), '--single-transaction', '--file=-'];
  const texts = { path, timeoutMs, before: EMPTY, after: countedAfter(tables) };
  try {
    await loadInto(tools, server.run(words), texts);
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!(error instanceof AutopilotError) || error.code !== 'HA_COMMAND_FAILED') throw error;
    const role = missingRole(error);
    throw new AutopilotError('HA_COMMAND_FAILED', `${name} at ${place} was left as it is: ${error.message}`, {
      cause: error,
      next:
        role === undefined
          ? 'see what the server says; nobody else may use the database meanwhile'
          : `the dump did not bring it, or may not make it; make it, and run it again:  CREATE ROLE "${role}" LOGIN`,
    });
  }
}

/** The role that the server lacks, as it says. */
export function missingRole(error: unknown): string | undefined {
  const text = error instanceof AutopilotError ? error.message : '';
  return /role "([\w.$@-]{1,63})" does not exist/.exec(text)?.[1];
}
