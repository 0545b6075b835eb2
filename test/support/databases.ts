/** Real database servers for one test file: private directories and sockets, no network; gone at the end. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chmod, chown, open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { hasTool, needs } from '#test/support/needs.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const call = promisify(execFile);

export interface TestDatabase extends AsyncDisposable {
  /** The socket, or the directory that it lies in. */
  socket: string;
  /** Runs a statement. @returns what it printed, rows in lines, fields with tabs between. */
  sql(database: string, statement: string): Promise<string>;
  stop(): Promise<void>;
}

/** Debian keeps the programs of each version apart, and out of PATH. */
function postgresPrograms(): string {
  const root = '/usr/lib/postgresql';
  const versions = listed(root).toSorted((a, b) => Number(b) - Number(a));
  return versions[0] === undefined ? '' : join(root, versions[0], 'bin');
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

export function canRunDatabases(): boolean {
  const { getuid } = process;
  return (
    ['psql', 'pg_dump', 'mariadbd', 'sqlite3', 'setpriv'].every(hasTool) &&
    postgresPrograms() !== '' &&
    getuid?.() === 0
  );
}

/** First line of a `beforeEach`. PostgreSQL does not run as root, so root runs it as its own user. */
export function needsDatabases(context: Pick<TestContext, 'skip'>): void {
  needs(context, 'psql', 'pg_dump', 'mariadbd', 'mariadb-install-db', 'mariadb-dump', 'sqlite3', 'setpriv');
  if (process.getuid?.() !== 0) context.skip('needs root, to run each server as its own user');
}

export async function startPostgres(): Promise<TestDatabase> {
  const directory = await tempDir();
  const programs = postgresPrograms();
  const data = join(directory.path, 'data');
  const as = ['--reuid=postgres', '--regid=postgres', '--init-groups', '--'];
  const { stdout } = await call('id', ['-u', 'postgres']);
  await chown(directory.path, Number(stdout), Number(stdout));
  // It must come through to its own directory; it cannot look at what else is there.
  const parent = dirname(directory.path);
  await chmod(parent, (await stat(parent)).mode | 0o011);
  const make = [join(programs, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
  await call('setpriv', [...as, ...make], { cwd: '/' });
  const settings = ['-k', directory.path, '-c', 'listen_addresses=', '-c', 'fsync=off'];
  const run = ['setpriv', ...as, join(programs, 'postgres'), '-D', data, ...settings];
  const sql = async (database: string, statement: string) => {
    const words = ['-X', '-q', '-A', '-t', '-F', '\t', '-U', 'postgres', '-h', directory.path, '-d', database];
    return (await call('psql', [...words, '-v', 'ON_ERROR_STOP=1', '-c', statement])).stdout.trim();
  };
  return await started(directory, run, { socket: directory.path, sql, question: 'SELECT 1' });
}

export async function startMariadb(): Promise<TestDatabase> {
  const directory = await tempDir();
  const at = (name: string) => join(directory.path, name);
  const own = ['--no-defaults', `--datadir=${at('data')}`, '--user=root'];
  const make = ['--auth-root-authentication-method=normal', '--skip-test-db'];
  await call('mariadb-install-db', [...own, ...make], { cwd: directory.path });
  const settings = ['--skip-networking', `--socket=${at('socket')}`, `--pid-file=${at('pid')}`];
  const sql = async (database: string, statement: string) => {
    const words = ['--no-defaults', `--socket=${at('socket')}`, '--user=root', '--batch', '--skip-column-names'];
    return (await call('mariadb', [...words, `--execute=${statement}`, database])).stdout.trim();
  };
  const run = ['mariadbd', ...own, ...settings, '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=32M'];
  return await started(directory, run, { socket: at('socket'), sql, question: 'SELECT 1' });
}

async function started(
  directory: { path: string } & AsyncDisposable,
  [program = '', ...words]: string[],
  { socket, sql, question }: Pick<TestDatabase, 'socket' | 'sql'> & { question: string },
): Promise<TestDatabase> {
  const isPostgres = program === 'setpriv';
  const log = await open(join(directory.path, 'server.log'), 'w');
  const path = `${process.env['PATH']}:/usr/sbin:/sbin`;
  const env = { ...process.env, PATH: path };
  const server = spawn(program, words, { cwd: '/', stdio: ['ignore', log.fd, log.fd], env });
  await once(server, 'spawn');
  await log.close();
  const ended = once(server, 'exit');
  const stop = async () => {
    // For PostgreSQL this is its fast shutdown; with SIGTERM it would wait for its clients.
    if (server.exitCode === null && server.signalCode === null) server.kill(isPostgres ? 'SIGINT' : 'SIGTERM');
    await ended;
  };
  const dispose = async () => {
    await stop();
    await directory[Symbol.asyncDispose]();
  };
  try {
    const database = isPostgres ? 'postgres' : 'mysql';
    await eventually(
      'the server answers',
      async () => await sql(database, question).then(Boolean, () => false),
      30_000,
    );
  } catch (error) {
    const said = await readFile(join(directory.path, 'server.log'), 'utf8');
    await dispose();
    throw new Error(`the server did not start: ${said.slice(-2000)}`, { cause: error });
  }
  return { socket, sql, stop, [Symbol.asyncDispose]: dispose };
}
