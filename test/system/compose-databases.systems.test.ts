/** Databases in the containers of a Compose project: dumped while they run, back with the project, also from nothing. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { DATABASE_IMAGE, importDatabases } from '#test/support/database-image.ts';
import { canRunDatabases, needsDatabases } from '#test/support/databases.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { eventually } from '#test/support/wait.ts';

let engine: TestEngine;
let lab: TestHomelab;

vi.setConfig({ testTimeout: 480_000 });

const COMPOSE = `
services:
  web:
    image: "${IMAGE}"
    network_mode: none
    init: true
    stop_grace_period: 1s
    command: [sleep, "10000"]
  db:
    image: "${DATABASE_IMAGE}"
    network_mode: none
    user: postgres
    stop_signal: SIGINT
    command: [sh, /bin/start-postgres]
    volumes: ["tables:/var/lib/postgresql/data"]
  cache:
    image: "${DATABASE_IMAGE}"
    network_mode: none
    user: postgres
    command: [redis-server, --dir, /data, --appendonly, "yes"]
    volumes: ["keys:/data"]
volumes: { tables: , keys: }
`;

beforeAll(async () => {
  if (!canRunDocker() || !canRunDatabases()) return;
  engine = await startDocker();
  await importDatabases(engine);
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { gate: { timeout: 60s, stable_for: 500ms } }
services:
  - name: papers
    type: docker-compose
    path: ./papers
    project: papers
    socket: ${engine.socket}
    backup:
      destinations: [usb]
      databases:
        - { type: postgresql, name: papers, container: db, socket: /tmp }
        - { type: redis, container: cache }
      quiesce: { stop: all, timeout: 60s }
`);
  await mkdir(join(lab.dir, 'usb'));
  await lab.write('papers/compose.yaml', COMPOSE);
  await lab.start(['up', '--port', '0']);
}, 300_000);

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
}, 120_000);

beforeEach(async (context) => {
  needsDocker(context);
  needsDatabases(context);
  await engine.clear();
  await engine.compose(join(lab.dir, 'papers'), 'up', '-d');
  await eventually(
    'the servers answer',
    async () => await sql('postgres', 'SELECT 1').then(Boolean, () => false),
    60_000,
  );
  await sql('postgres', 'CREATE DATABASE papers');
  await sql('papers', "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('precious')");
  await redis('SET', 'note', 'precious');
}, 240_000);

async function container(service: string): Promise<string> {
  return engine.docker('ps', '-aq', '--filter', `label=com.docker.compose.service=${service}`);
}
const sql = async (database: string, statement: string) =>
  engine.docker(
    'exec',
    await container('db'),
    'psql',
    '-XqAt',
    '-h',
    '/tmp',
    '-U',
    'postgres',
    '-d',
    database,
    '-c',
    statement,
  );
const redis = async (...words: string[]) => engine.docker('exec', await container('cache'), 'redis-cli', ...words);
const started = async (service: string) =>
  engine.docker('inspect', '--format', '{{.State.StartedAt}}', await container(service));
const present = async () => [await sql('papers', 'SELECT text FROM notes'), await redis('GET', 'note')];

async function run(workflow: string, input: string[] = []): Promise<RunDetail> {
  return await lab.run(workflow, 'papers', input);
}

test('writers stop and databases go on for a backup, whose dumps a rollback brings back', async () => {
  const before = [await started('web'), await started('db'), await started('cache')];

  const backup = await run('backup');

  expect(backup).toMatchObject({ status: 'succeeded', reason: null });
  const after = [await started('web'), await started('db'), await started('cache')];
  expect(after.map((time, index) => time === before[index])).toEqual([false, true, true]);
  const set = join(lab.dir, 'usb/papers', backup.restorePoint ?? '');
  const dumps = (await readdir(set)).filter((name) => name.startsWith('dump-'));
  expect(dumps).toEqual(['dump-1-postgresql-papers.sql.zst', 'dump-2-redis-cache.rdb.zst']);
  const { stdout: files } = await lab.cli(['backups', 'files', backup.restorePoint ?? '']);
  expect(files).not.toMatch(/PG_VERSION|appendonly/);

  await sql('papers', "UPDATE notes SET text = 'of now'; CREATE TABLE later (id int)");
  await redis('SET', 'note', 'of now');
  const rollback = await run('rollback', [`to=${backup.restorePoint}`]);

  expect(rollback).toMatchObject({ status: 'succeeded', reason: null });
  expect(await present()).toEqual(['precious', 'precious']);
  expect(await sql('papers', "SELECT to_regclass('later') IS NULL")).toBe('t');

  const { stdout } = await lab.cli(['backups', 'papers', '--json']);
  const { restorePoints } = JSON.parse(stdout) as { restorePoints: { id: string; purpose: string }[] };
  const kept = restorePoints.find(({ purpose }) => purpose === 'before-rollback');
  const forward = await run('rollback', [`to=${kept?.id}`]);

  expect(forward).toMatchObject({ status: 'succeeded', reason: null });
  expect(await present()).toEqual(['of now', 'of now']);
});

test('a drill loads the dumps in containers of its own, like those of the project, and they go', async () => {
  await run('backup');
  await sql('papers', "UPDATE notes SET text = 'of now'");
  const before = await engine.docker('ps', '-aq', '--no-trunc');

  const drill = await run('drill');

  expect(drill).toMatchObject({ status: 'succeeded', reason: null });
  const summary = drill.steps.find(({ name }) => name === 'load')?.summary;
  expect(summary).toMatch(/^postgresql papers: 1 table in .*; redis cache: 1 key in /);
  expect(await present()).toEqual(['of now', 'precious']);
  expect(await engine.docker('ps', '-aq', '--no-trunc')).toBe(before);
});

test('a project of which nothing is left comes back with its databases', async () => {
  const backup = await run('backup');
  await engine.clear();

  const restore = await run('restore', [`from=${backup.restorePoint}`, 'overwrite=true']);

  expect(restore).toMatchObject({ status: 'succeeded', reason: null });
  expect(await present()).toEqual(['precious', 'precious']);
});
