/** The words with which the programs of PostgreSQL are told where the server is, and as whom. */
import type { PostgresqlEntry } from '#sdk/databases/entry.ts';
import type { Argv } from '#sdk/tools.ts';

export function connection({ host, socket, port, user }: PostgresqlEntry): string[] {
  const at = socket ?? host;
  return [
    ...(at === undefined ? [] : [`--host=${at}`]),
    ...(port === undefined ? [] : [`--port=${port}`]),
    `--username=${user}`,
    '--no-password',
  ];
}

export function psql(entry: PostgresqlEntry, database: string): Argv {
  return ['psql', ...connection(entry), '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--dbname=${database}`];
}
