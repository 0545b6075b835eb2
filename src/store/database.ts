/** Opens the state file: the one place that knows how SQLite is set up. */
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { migrations } from '#store/migrations.ts';
import { copyState, copyStateDaily, newestGoodCopy } from '#store/state-copies.ts';

export interface Database extends Disposable {
  /** A prepared statement, made once per text. */
  sql(text: string): StatementSync;
  /** Nested calls join the outer transaction. */
  atomically<T>(work: () => T): T;
  /** Makes a copy of the file if the newest one is older than a day. @returns its path. */
  copyDaily(now: Date): string | null;
}

/**
 * Opens (and if need be makes) the state file for writing.
 * @throws AutopilotError HA_STATE_UNUSABLE when the file cannot be opened, is damaged, or was made by a newer version.
 */
export function openDatabase(file: string): Database {
  return guarded(file, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    refuseEmptied(file);
    // Made by us before SQLite makes it readable for everybody; its side files take the mode over.
    closeSync(openSync(file, 'a', 0o600));
    const connection = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
    // WAL lets the command line read while the controller writes. NORMAL survives the death of any process; the
    // last moments before a power loss may be rolled back together, never torn.
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;');
    checkIntegrity(connection);
    migrate(connection, file);
    return wrap(connection, file);
  });
}

/** Opens the state file to read from it, beside a controller that may be writing. */
export function readDatabase(file: string): Database {
  return guarded(file, () => wrap(new DatabaseSync(file, { readOnly: true, timeout: 5_000 }), file));
}

function wrap(connection: DatabaseSync, file: string): Database {
  const statements = new Map<string, StatementSync>();
  let depth = 0;
  return {
    sql(text) {
      const known = statements.get(text);
      if (known !== undefined) return known;
      const statement = connection.prepare(text);
      statements.set(text, statement);
      return statement;
    },
    atomically(work) {
      if (depth > 0) return work();
      connection.exec('BEGIN IMMEDIATE');
      depth++;
      try {
        const result = work();
        connection.exec('COMMIT');
        return result;
      } catch (error) {
        connection.exec('ROLLBACK');
        throw error;
      } finally {
        depth--;
      }
    },
    copyDaily: (now) => copyStateDaily(connection, file, now),
    [Symbol.dispose]() {
      connection.close();
    },
  };
}

function checkIntegrity(connection: DatabaseSync): void {
  const result = connection.prepare('PRAGMA quick_check(1)').get();
  if (result?.['quick_check'] !== 'ok') throw new Error(`damaged: ${String(result?.['quick_check'])}`);
}

/** SQLite takes an empty file for a new one; where there are copies of a history, it was cut off. */
function refuseEmptied(file: string): void {
  if (!existsSync(file) || statSync(file).size > 0) return;
  if (newestGoodCopy(file) !== null) throw new Error('it is empty');
}

function migrate(connection: DatabaseSync, file: string): void {
  const version = Number(connection.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > migrations.length) {
    throw new Error(`made by a newer version (format ${version}, this program knows ${migrations.length})`);
  }
  if (version > 0 && version < migrations.length) copyState(connection, file, new Date());
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue;
    connection.exec(`BEGIN IMMEDIATE; ${migration} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}

function guarded<T>(file: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw new AutopilotError('HA_STATE_UNUSABLE', `the state file ${file} cannot be used: ${errorText(cause)}`, {
      cause,
      next: wayOut(file),
    });
  }
}

function wayOut(file: string): string {
  const copy = newestGoodCopy(file);
  if (copy === null) {
    return 'Nothing was overwritten. Check the directory’s permissions, or move the file away to start a new history';
  }
  const restore = `mv ${file} ${file}.damaged; rm -f ${file}-wal ${file}-shm; cp ${copy.path} ${file}`;
  return `Nothing was overwritten. The newest good copy is of ${copy.madeAt}; to go back to it:  ${restore}`;
}
