/** Servers in containers that no project knows: dumped and filled there, and dumps tried in others like them. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { type Dumping, openDumping } from '#test/plugins/services/dumping.ts';
import { DATABASE_IMAGE, importDatabases } from '#test/support/database-image.ts';
import { canRunDatabases, needsDatabases } from '#test/support/databases.ts';
import { canRunDocker, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { eventually } from '#test/support/wait.ts';

vi.setConfig({ testTimeout: 240_000 });

let engine: TestEngine;
let stage: Dumping;

beforeAll(async () => {
  if (!canRunDocker() || !canRunDatabases()) return;
  engine = await startDocker();
  await importDatabases(engine);
}, 120_000);

afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
}, 60_000);

beforeEach(async (context) => {
  needsDocker(context);
  needsDatabases(context);
  await engine.clear();
  stage = await openDumping({ socket: engine.socket });
  context.onTestFinished(() => stage[Symbol.asyncDispose]());
});

const REDIS = { type: 'redis', container: 'cache' };
const POSTGRES = { type: 'postgresql', name: 'papers', container: 'tables', socket: '/tmp' };
const POSTGRES_DATA = '/var/lib/postgresql/data';

async function startServer(name: string, ...words: string[]): Promise<void> {
  const how = ['--detach', '--name', name, '--network', 'none', '--user', 'postgres'];
  await engine.docker('run', ...how, ...words);
}

const redis = async (...words: string[]) => engine.docker('exec', 'cache', 'redis-cli', ...words);
const sql = async (statement: string) =>
  engine.docker('exec', 'tables', 'psql', '-XqAt', '-h', '/tmp', '-U', 'postgres', '-d', 'papers', '-c', statement);

async function startRedis(...words: string[]): Promise<void> {
  await startServer('cache', ...words, DATABASE_IMAGE, 'redis-server', '--dir', '/data', '--save', '3600 1');
  await eventually('it answers', async () => await redis('PING').then(Boolean, () => false), 30_000);
}

/** What has not been written to the disk yet is written when the server is stopped, over what is put there meanwhile. */
test('a snapshot comes into a container that runs: it stands still for that, and has read it when that is done', async () => {
  await startRedis();
  await redis('SET', 'note', 'precious');
  const dumps = await stage.dump(REDIS);
  await redis('SET', 'note', 'of now');
  await redis('SET', 'other', 'of now');

  await stage.load(dumps, REDIS);

  expect(await redis('GET', 'note')).toBe('precious');
  expect(await redis('EXISTS', 'other')).toBe('0');
  await engine.docker('restart', 'cache');
  await eventually('it answers', async () => await redis('PING').then(Boolean, () => false), 30_000);
  expect(await redis('GET', 'note')).toBe('precious');
});

test('a container that would be gone when it is stopped is not stopped', async () => {
  await startRedis('--rm');
  await redis('SET', 'note', 'precious');
  const dumps = await stage.dump(REDIS);

  const loading = stage.load(dumps, REDIS);

  await expect(loading).rejects.toMatchObject({ code: 'HA_RESTORE_REFUSED', next: expect.stringContaining('--rm') });
  expect(await redis('GET', 'note')).toBe('precious');
});

test('a snapshot that its server does not read whole is told', async () => {
  await startRedis();
  await redis('SET', 'note', 'precious');
  const [made] = await stage.dump(REDIS);
  await redis('DEL', 'note');
  const [empty] = await stage.dump(REDIS);
  const claimed = { ...(empty ?? expect.unreachable('it was dumped')), tables: made?.tables ?? 0 };

  await expect(stage.load([claimed], REDIS)).rejects.toMatchObject({
    code: 'HA_DUMP_INVALID',
    message: expect.stringContaining('there are 0 keys after the restore, and it was made of 1'),
  });
});

test('dumps are tried in containers of their own, from the images of the servers, and they go', async () => {
  await startRedis();
  await redis('SET', 'note', 'precious');
  const server = ['postgres', '-D', POSTGRES_DATA, '-k', '/tmp', '-c', 'listen_addresses=', '-c', 'fsync=off'];
  await startServer('tables', DATABASE_IMAGE, 'docker-entrypoint.sh', ...server);
  const first = async () => engine.docker('exec', 'tables', 'cat', '/proc/1/comm');
  await eventually('it is set up', async () => (await first()) === 'postgres', 120_000);
  await eventually('it answers', async () => await sql('SELECT 1').then(Boolean, () => false), 30_000);
  await sql("CREATE ROLE clerk; CREATE TABLE notes (text text); INSERT INTO notes VALUES ('precious')");
  await sql('ALTER TABLE notes OWNER TO clerk');
  const entries: JsonObject[] = [POSTGRES, REDIS];
  const dumps = await stage.dump(...entries);
  const before = await engine.docker('ps', '-aq', '--no-trunc');
  await redis('SET', 'other', 'of now');

  const tried = await stage.tryOut(dumps, ...entries);

  expect(tried).toMatchObject({ loaded: 2, skipped: [] });
  expect(await engine.docker('ps', '-aq', '--no-trunc')).toBe(before);
  expect(await redis('EXISTS', 'other')).toBe('1');
});
