/** Databases in the containers of a Compose project: dumped while they run, back with the project, also from nothing. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { DATABASE_IMAGE, importDatabases } from '#test/support/database-image.ts';
import { canRunDatabases, needsDatabases } from '#test/support/databases.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { eventually } from '#test/support/wait.ts';

const call = promisify(execFile);

let engine: TestEngine;
let lab: TestHomelab;

vi.setConfig({ testTimeout: 480_000 });

/** Each is healthy as long as it has what was written into it. */
const HEALTH = {
  web: 'test -s /data/app.db',
  db: `test "$$(psql -h /tmp -U postgres -d papers -XAtc 'SELECT count(*) FROM notes')" = 1`,
  cache: 'test "$$(redis-cli EXISTS note)" = 1',
  shop: `test "$$(mariadb --no-defaults -S /tmp/mysqld.sock -u root -N shop -e 'SELECT count(*) FROM goods')" = 1`,
};

const health = (service: keyof typeof HEALTH) =>
  `healthcheck: { test: [CMD-SHELL, ${JSON.stringify(HEALTH[service])}], interval: 1s, retries: 3, start_period: 60s }`;

const POSTGRES = ['-D', '/var/lib/postgresql/data', '-k', '/tmp', '-c', 'listen_addresses=', '-c', 'fsync=off'];
const MARIADB = ['--no-defaults', '--datadir=/var/lib/mysql', '--socket=/tmp/mysqld.sock', '--skip-networking'];

const COMPOSE = `
services:
  web:
    image: "${IMAGE}"
    network_mode: none
    init: true
    stop_grace_period: 1s
    command: [sleep, "10000"]
    volumes: ["./data:/data"]
    ${health('web')}
  db:
    image: "${DATABASE_IMAGE}"
    network_mode: none
    user: postgres
    stop_signal: SIGINT
    command: ${JSON.stringify(['docker-entrypoint.sh', 'postgres', ...POSTGRES])}
    volumes: ["tables:/var/lib/postgresql/data"]
    ${health('db')}
  cache:
    image: "${DATABASE_IMAGE}"
    network_mode: none
    user: postgres
    command: [redis-server, --dir, /data, --appendonly, "yes"]
    volumes: ["keys:/data"]
    ${health('cache')}
  shop:
    image: "${DATABASE_IMAGE}"
    network_mode: none
    user: postgres
    command: ${JSON.stringify(['docker-entrypoint.sh', 'mariadbd', ...MARIADB])}
    volumes: ["goods:/var/lib/mysql"]
    ${health('shop')}
volumes: { tables: , keys: , goods: }
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
        - { type: mariadb, name: shop, container: shop, socket: /tmp/mysqld.sock }
        - { type: sqlite, path: data/app.db }
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
  await mkdir(join(lab.dir, 'papers/data'), { recursive: true });
  await call('sqlite3', [join(lab.dir, 'papers/data/app.db'), 'CREATE TABLE IF NOT EXISTS pages (text)']);
  await engine.compose(join(lab.dir, 'papers'), 'up', '-d');
  for (const [service, program] of [
    ['db', 'postgres'],
    ['shop', 'mariadbd'],
  ] as const) {
    const first = async () => engine.docker('exec', await container(service), 'cat', '/proc/1/comm');
    await eventually(`${service} is set up`, async () => (await first().catch(() => '')) === program, 120_000);
  }
  await eventually('it answers', async () => await sql('papers', 'SELECT 1').then(Boolean, () => false), 60_000);
  await sql('papers', "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('precious'); CREATE ROLE clerk");
  await sql('papers', 'ALTER TABLE notes OWNER TO clerk');
  await eventually('it answers', async () => await query('SELECT 1').then(Boolean, () => false), 60_000);
  await query("CREATE TABLE goods (text text); INSERT INTO goods VALUES ('precious')");
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
const query = async (statement: string) => {
  const words = ['--no-defaults', '--socket=/tmp/mysqld.sock', '--user=root', '-N', 'shop', '-e', statement];
  return engine.docker('exec', await container('shop'), 'mariadb', ...words);
};
const redis = async (...words: string[]) => engine.docker('exec', await container('cache'), 'redis-cli', ...words);
const started = async (service: string) =>
  engine.docker('inspect', '--format', '{{.State.StartedAt}}', await container(service));
const PRECIOUS = ['precious', 'precious', 'precious'];
const startedAll = async () => await Promise.all(['web', 'db', 'cache', 'shop'].map(started));
const present = async () => [
  await sql('papers', 'SELECT text FROM notes'),
  await redis('GET', 'note'),
  await query('SELECT text FROM goods'),
];

async function run(workflow: string, input: string[] = []): Promise<RunDetail> {
  return await lab.run(workflow, 'papers', input);
}

test('writers stop and databases go on for a backup, whose dumps a rollback brings back', async () => {
  const before = await startedAll();

  const backup = await run('backup');

  expect(backup).toMatchObject({ status: 'succeeded', reason: null });
  const after = await startedAll();
  expect(after.map((time, index) => time === before[index])).toEqual([false, true, true, true]);
  const set = join(lab.dir, 'usb/papers', backup.restorePoint ?? '');
  const dumps = (await readdir(set)).filter((name) => name.startsWith('dump-'));
  expect(dumps).toEqual([
    'dump-1-postgresql-papers.sql.zst',
    'dump-2-redis-cache.rdb.zst',
    'dump-3-mariadb-shop.sql.zst',
    'dump-4-sqlite-app.db.db.zst',
  ]);
  const { stdout: files } = await lab.cli(['backups', 'files', backup.restorePoint ?? '']);
  expect(files).not.toMatch(/PG_VERSION|appendonly|ibdata|app\.db/);

  await sql('papers', "UPDATE notes SET text = 'of now'; CREATE TABLE later (id int)");
  await redis('SET', 'note', 'of now');
  await query("UPDATE goods SET text = 'of now'");
  const rollback = await run('rollback', [`to=${backup.restorePoint}`]);

  expect(rollback).toMatchObject({ status: 'succeeded', reason: null });
  expect(await present()).toEqual(PRECIOUS);
  expect(await sql('papers', "SELECT to_regclass('later') IS NULL")).toBe('t');

  const { stdout } = await lab.cli(['backups', 'papers', '--json']);
  const { restorePoints } = JSON.parse(stdout) as { restorePoints: { id: string; purpose: string }[] };
  const kept = restorePoints.find(({ purpose }) => purpose === 'before-rollback');
  const forward = await run('rollback', [`to=${kept?.id}`]);

  expect(forward).toMatchObject({ status: 'succeeded', reason: null });
  expect(await present()).toEqual(['of now', 'of now', 'of now']);
});

/** Everything on the engine. */
async function world(): Promise<string[]> {
  const asked = [
    ['ps', '-aq', '--no-trunc'],
    ['volume', 'ls', '-q'],
    ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'],
  ];
  return await Promise.all(asked.map(async (words) => (await engine.docker(...words)).split('\n').toSorted().join()));
}

test('a drill starts a copy of the project with all of its databases filled, and nothing of it is left', async () => {
  await run('backup');
  await sql('papers', "UPDATE notes SET text = 'of now'");
  const before = await world();

  const drill = await run('drill');

  expect(drill).toMatchObject({ status: 'succeeded', reason: null });
  const summary = drill.steps.find(({ name }) => name === 'start')?.summary;
  expect(summary).toMatch(/^postgresql papers \(1 table\), redis cache \(1 key\), mariadb shop \(1 table\), sqlite /);
  expect(await present()).toEqual(['of now', 'precious', 'precious']);
  expect(await world()).toEqual(before);
});

test('a drill finds out that a dump needs what no backup has', async () => {
  await engine.docker('exec', await container('db'), 'mkdir', '/tmp/space');
  await sql('papers', "CREATE TABLESPACE space LOCATION '/tmp/space'");
  await sql('papers', 'ALTER TABLE notes SET TABLESPACE space');
  await run('backup');
  const before = await world();

  const drill = await run('drill');

  expect(drill).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining('Tablespace "space" does not exist'),
  });
  expect(drill.reason).toContain('a dump cannot be loaded into the copy: papers at container db was left as it is');
  expect(await world()).toEqual(before);
});

test('a project of which nothing is left comes back with its databases', async () => {
  const backup = await run('backup');
  await engine.clear();

  const restore = await run('restore', [`from=${backup.restorePoint}`, 'overwrite=true']);

  expect(restore).toMatchObject({ status: 'succeeded', reason: null });
  expect(await present()).toEqual(PRECIOUS);
});
