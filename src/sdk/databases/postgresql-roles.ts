/** The roles that a database of PostgreSQL needs, and who owns it: statements that come before all else of its dump. */
import type { PostgresqlEntry } from '#sdk/databases/entry.ts';
import { psql } from '#sdk/databases/postgresql-words.ts';
import { ask, type Server, unanswered } from '#sdk/databases/server.ts';
import { printed } from '#sdk/databases/stream.ts';

const READABLE = "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')";

/** What is there already, or may not be made, is left to the server: it says what is missing when it is needed. */
function statements(table: string, password: string): string {
  return `SELECT format('DO $autopilot$ BEGIN CREATE ROLE %I %s; '
 'EXCEPTION WHEN duplicate_object OR insufficient_privilege THEN NULL; END $autopilot$;', rolname, concat_ws(' ',
 CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolsuper THEN 'SUPERUSER' END,
 CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
 CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
 CASE WHEN NOT rolinherit THEN 'NOINHERIT' END, ${password}))
FROM pg_catalog.${table} r WHERE position('$autopilot$' in rolname) = 0 AND EXISTS (
 SELECT FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.datname = current_database()
 WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = r.oid
 AND (s.dbid = d.oid OR (s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = d.oid)))
UNION ALL SELECT format('DO $autopilot$ BEGIN EXECUTE format(''ALTER DATABASE %%I OWNER TO %%I'', current_database(), %L); '
 'EXCEPTION WHEN undefined_object OR insufficient_privilege THEN NULL; END $autopilot$;', pg_get_userbyid(datdba))
FROM pg_catalog.pg_database WHERE datname = current_database()
 AND position('$autopilot$' in pg_get_userbyid(datdba)) = 0`;
}

/** With their passwords, as the server keeps them, where the user may read these: they are in no log, as they are in no list. */
export async function rolesOf(server: Server<PostgresqlEntry>, database: string): Promise<string> {
  const { entry, tools, timeoutMs } = server;
  const words = [...psql(entry, database), '--tuples-only', '--no-align'] as const;
  const readable = (await ask(server, [...words, `--command=${READABLE}`])) === 't';
  const query = readable
    ? statements('pg_authid', "'PASSWORD ' || quote_literal(rolpassword)")
    : statements('pg_roles', 'NULL::text');
  const command = server.run([...words, `--command=${query}`]);
  return await printed(tools, command, { timeoutMs }).catch((error: unknown) => {
    throw unanswered(server, error, 'psql');
  });
}
