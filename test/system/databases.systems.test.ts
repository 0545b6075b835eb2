/** A service whose data lies in a database: backups hold its dump, and a rollback or a failed update brings it back. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { canRunDatabases, needsDatabases, startPostgres, type TestDatabase } from '#test/support/databases.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';

const call = promisify(execFile);

let postgres: TestDatabase;
let lab: TestHomelab;

/** The program is a file with its version; its new one changes the database, and the bad one spoils it. */
const APP = `#!/bin/sh
cd "$1" || exit 2
ask() { psql -XqAt -h "$2" -U postgres -d papers -v ON_ERROR_STOP=1 -c "$3"; }
case $3 in
stop) echo down > state ;;
start) echo up > state ;;
version) cat program ;;
newest) cat newest ;;
health) [ "$(cat state)" = up ] && [ "$(ask . "$2" 'SELECT version FROM schema')" = "$(cat program)" ] ;;
update)
  ask . "$2" 'CREATE TABLE added (id int); UPDATE schema SET version = 2' || exit 1
  [ "$(cat newest)" != 2 ] || ask . "$2" "UPDATE schema SET version = 99; DELETE FROM notes" || exit 1
  echo 2 > program
  ;;
revert) echo 1 > program ;;
esac
`;

beforeAll(async () => {
  if (!canRunDatabases()) return;
  postgres = await startPostgres();
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { gate: { timeout: 5s, stable_for: 200ms } }
services:
  - name: papers
    type: generic
    validate: [{ type: command, command: [sh, DIR/app.sh, DIR/app, ${postgres.socket}, health] }]
    backup:
      destinations: [usb]
      databases:
        - { type: postgresql, name: papers, socket: ${postgres.socket} }
        - { type: sqlite, path: DIR/app/cache.db }
      quiesce:
        stop: [[sh, DIR/app.sh, DIR/app, ${postgres.socket}, stop]]
        start: [[sh, DIR/app.sh, DIR/app, ${postgres.socket}, start]]
    update:
      check: [sh, DIR/app.sh, DIR/app, ${postgres.socket}, newest]
      command: [sh, DIR/app.sh, DIR/app, ${postgres.socket}, update]
      version: [sh, DIR/app.sh, DIR/app, ${postgres.socket}, version]
      revert: [sh, DIR/app.sh, DIR/app, ${postgres.socket}, revert]
`);
  await mkdir(join(lab.dir, 'usb'));
  await lab.write('app.sh', APP);
  await lab.start(['up', '--port', '0']);
}, 240_000);

vi.setConfig({ testTimeout: 480_000 });

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

beforeEach(async (context) => {
  needsDatabases(context);
  await postgres.sql('postgres', 'DROP DATABASE IF EXISTS papers');
  await postgres.sql('postgres', 'CREATE DATABASE papers');
  await postgres.sql(
    'papers',
    `CREATE TABLE schema (version int); INSERT INTO schema VALUES (1);
     CREATE TABLE notes (text text); INSERT INTO notes VALUES ('precious')`,
  );
  for (const [file, content] of Object.entries({ program: '1', newest: '1', state: 'up' })) {
    await lab.write(`app/${file}`, `${content}\n`);
  }
  await sqlite('DROP TABLE IF EXISTS cache; CREATE TABLE cache (text); INSERT INTO cache VALUES (1)');
});

const sqlite = async (statement: string) =>
  (await call('sqlite3', [join(lab.dir, 'app/cache.db'), statement])).stdout.trim();
const notes = async () => postgres.sql('papers', 'SELECT text FROM notes');
const inApp = async (file: string) => (await readFile(join(lab.dir, 'app', file), 'utf8')).trim();

async function run(workflow: string, input: string[] = []): Promise<RunDetail> {
  return await lab.run(workflow, 'papers', input);
}

const keys = ({ steps }: RunDetail) => steps.map(({ name }) => name);

test('a backup holds whole dumps, and the script in it tells how each is put back by hand', async () => {
  const backup = await run('backup');

  expect(backup).toMatchObject({ status: 'succeeded', reason: null });
  const set = join(lab.dir, 'usb/papers', backup.restorePoint ?? '');
  const names = (await readdir(set)).filter((name) => name.startsWith('dump-'));
  expect(names).toEqual(['dump-1-postgresql-papers.sql.zst', 'dump-2-sqlite-cache.db.db.zst']);
  const { stderr } = await call('sh', [join(set, 'restore.sh'), join(lab.dir, 'by-hand')]);
  expect(stderr).toContain('zstd -dcq dump-1-postgresql-papers.sql.zst | psql --set=ON_ERROR_STOP=1');
  expect(stderr).toContain('zstd -dcq dump-2-sqlite-cache.db.db.zst > FILE');
  await postgres.sql('postgres', 'DROP DATABASE papers');
  await postgres.sql('postgres', 'CREATE DATABASE papers');
  const { stdout: sql } = await call('zstd', ['-dcq', join(set, names[0] ?? '')]);
  await writeFile(join(lab.dir, 'dump.sql'), sql);
  await call('psql', ['-Xq', '-h', postgres.socket, '-U', 'postgres', '-d', 'papers', '-f', join(lab.dir, 'dump.sql')]);
  expect(await notes()).toBe('precious');
});

test('a rollback brings the databases back, and keeps those of now for another one', async () => {
  const backup = await run('backup');
  await postgres.sql('papers', "UPDATE notes SET text = 'of now'; CREATE TABLE later (id int)");
  await sqlite('UPDATE cache SET text = 2');

  const rollback = await run('rollback', [`to=${backup.restorePoint}`]);

  expect(rollback).toMatchObject({ status: 'succeeded', reason: null });
  expect(keys(rollback)).toEqual(expect.arrayContaining(['quiesce-present', 'dump-present', 'keep-present', 'load']));
  expect([await notes(), await sqlite('SELECT text FROM cache')]).toEqual(['precious', '1']);
  expect(await postgres.sql('papers', "SELECT to_regclass('later') IS NULL")).toBe('t');
  const { stdout } = await lab.cli(['backups', 'papers', '--json']);
  const { restorePoints } = JSON.parse(stdout) as { restorePoints: { id: string; purpose: string }[] };
  const kept = restorePoints.find(({ purpose }) => purpose === 'before-rollback');

  const forward = await run('rollback', [`to=${kept?.id}`]);

  expect(forward).toMatchObject({ status: 'succeeded', reason: null });
  expect([await notes(), await sqlite('SELECT text FROM cache')]).toEqual(['of now', '2']);
});

test('an update that spoils the database is rolled back with the database of before', async () => {
  await lab.write('app/newest', '2\n');

  const update = await run('update');

  expect(update.status).toBe('rolled_back');
  expect([await notes(), await inApp('program'), await inApp('state')]).toEqual(['precious', '1', 'up']);
  expect(await postgres.sql('papers', "SELECT version, to_regclass('added') IS NULL FROM schema")).toBe('1\tt');
});

test('a drill loads the dumps apart, without asking the database that lives, and leaves nothing', async () => {
  await run('backup');
  await postgres.sql('papers', "UPDATE notes SET text = 'of now'");

  const drill = await run('drill');

  expect(drill).toMatchObject({ status: 'succeeded', reason: null });
  expect(drill.steps.find(({ name }) => name === 'load')?.summary).toMatch(
    /^postgresql papers: 2 tables in .*; sqlite .*cache\.db: 1 table in /,
  );
  expect(await notes()).toBe('of now');
  expect((await readdir('/var/tmp')).filter((name) => name.includes(drill.restorePoint ?? '-'))).toEqual([]);
  expect(await readdir(join(lab.dir, 'state/backups/staging'))).toEqual([]);
});

test('a dump that fails fails the backup, and the service runs again', async () => {
  await lab.write('app/cache.db', 'no database at all');

  const backup = await run('backup');

  expect(backup.status).toBe('failed');
  expect(backup.reason).toContain('dump databases');
  await rm(join(lab.dir, 'app/cache.db'));
  expect(await inApp('state')).toBe('up');
  expect((await readdir(join(lab.dir, 'state/backups/staging'))).filter((name) => !name.startsWith('.'))).toEqual([]);
});
