/** Names of databases as a server lists them: only those that can safely be words are taken. */
import { AutopilotError } from '#kernel/errors.ts';
import { DATABASE_NAME, type MongodbEntry, type MysqlEntry, type PostgresqlEntry } from '#sdk/databases/entry.ts';
import type { Server } from '#sdk/databases/server.ts';

/** None must be left out of `all` without a word. */
export function requireNames(
  { entry, place }: Server<MysqlEntry | PostgresqlEntry | MongodbEntry>,
  listed: string,
): string[] {
  const names = listed.split('\n').filter((name) => name !== '');
  const odd = names.find((name) => !DATABASE_NAME.test(name));
  if (odd !== undefined) {
    throw new AutopilotError(
      'HA_CONFIG_INVALID',
      `${entry.type} at ${place}: the name of the database ${JSON.stringify(odd)} cannot be used`,
      { next: 'name the databases one by one instead of  name: all' },
    );
  }
  if (names.length > 0) return names;
  throw new AutopilotError('HA_NOT_FOUND', `${entry.type} at ${place} has no databases`, {
    next: 'correct the entry in backup.databases',
  });
}
