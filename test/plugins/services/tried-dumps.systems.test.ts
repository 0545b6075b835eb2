/** Dumps are loaded into servers of a drill's own, with all that they hold; the servers of the service are not asked. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Dump } from '#sdk/databases/dump.ts';
import { type Dumping, openDumping, TRIAL } from '#test/plugins/services/dumping.ts';
import {
  canRunDatabases,
  needsDatabases,
  startMariadb,
  startPostgres,
  type TestDatabase,
} from '#test/support/databases.ts';
import { startRedis } from '#test/support/redis.ts';

const call = promisify(execFile);
const PARENT = '/var/tmp';

let postgres: TestDatabase;
let mariadb: TestDatabase;
let stage: Dumping;

beforeAll(async () => {
  if (!canRunDatabases()) return;
  [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
  for (const made of ['ROLE "paper-owner"', 'DATABASE papers', 'DATABASE empty']) {
    await postgres.sql('postgres', `CREATE ${made}`);
  }
  await postgres.sql(
    'papers',
    `CREATE TABLE notes (id serial PRIMARY KEY, text text); INSERT INTO notes (text) VALUES ('precious');
     ALTER TABLE notes OWNER TO "paper-owner"; CREATE TABLE pages (note int REFERENCES notes);
     GRANT SELECT ON pages TO "paper-owner"`,
  );
  await mariadb.sql('mysql', 'CREATE DATABASE shop');
  await mariadb.sql(
    'shop',
    `CREATE TABLE goods (name text); INSERT INTO goods VALUES ('bread');
     CREATE EVENT sold ON SCHEDULE EVERY 1 SECOND DO DELETE FROM goods`,
  );
}, 60_000);

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await mariadb?.[Symbol.asyncDispose]();
});

beforeEach(async (context) => {
  needsDatabases(context);
  stage = await openDumping();
  context.onTestFinished(() => stage[Symbol.asyncDispose]());
});

const left = async () => (await readdir(PARENT)).filter((name) => name.includes(TRIAL));

describe('PostgreSQL', () => {
  const entry = () => ({ type: 'postgresql', name: ['papers', 'empty'], socket: postgres.socket });

  test('each database is whole in a server of its own, whoever owns what is in it, and nothing is left', async () => {
    const dumps = await stage.dump(entry());

    const tried = await stage.tryOut(dumps, entry());

    expect(tried).toMatchObject({
      loaded: 2,
      skipped: [],
      summary: expect.stringMatching(
        /^postgresql papers: 2 tables in [\d.]+ s; postgresql empty: 0 tables in [\d.]+ s$/,
      ),
    });
    expect(await left()).toEqual([]);
    expect(await postgres.sql('papers', 'SELECT text FROM notes')).toBe('precious');
  });

  test('a dump that a server does not take is told with what it says, and nothing is left', async () => {
    const [made] = await stage.dump({ ...entry(), name: 'papers' });
    const sql = await stage.content(made?.file ?? '');
    await stage.replace(made?.file ?? '', sql.replace('COPY public.notes', 'COPY public.nonsense'));

    const asked = stage.tryOut([made ?? expect.unreachable('it was dumped')], entry());

    await expect(asked).rejects.toMatchObject({
      code: 'HA_DUMP_INVALID',
      message: expect.stringContaining('"public.nonsense" does not exist'),
      next: expect.stringContaining('backup.drill.databases: false'),
    });
    expect(await left()).toEqual([]);
  });

  test('a dump with fewer tables than the server had is none that can be relied on', async () => {
    const [made] = await stage.dump({ ...entry(), name: 'papers' });

    const asked = stage.tryOut([{ ...(made ?? expect.unreachable('it was dumped')), tables: 3 }], entry());

    await expect(asked).rejects.toMatchObject({ message: expect.stringContaining('the dump was made of 3') });
  });

  test.each([['CREATE EXTENSION nowhere;', 'a plain server lacks the extension nowhere']])(
    'what a plain server lacks is told, and is no fault of the dump: %s',
    async (statement, reason) => {
      const [made] = await stage.dump({ ...entry(), name: 'papers' });
      const sql = await stage.content(made?.file ?? '');
      await stage.replace(made?.file ?? '', `${statement}\n${sql}`);

      const tried = await stage.tryOut([made ?? expect.unreachable('it was dumped')], entry());

      expect(tried).toMatchObject({ loaded: 0, skipped: [`postgresql papers: ${reason}`] });
    },
  );

  test('a dump of a newer server than there is here is not tried, and that is told', async () => {
    const [made] = await stage.dump({ ...entry(), name: 'papers' });

    const tried = await stage.tryOut([{ ...(made ?? expect.unreachable('it was dumped')), server: '99.1' }], entry());

    expect(tried['skipped']).toEqual([expect.stringContaining('and the dump of 99')]);
  });
});

test('MariaDB: a database is whole in a server of its own, in which no event of it begins to act', async () => {
  const entry = { type: 'mariadb', name: 'shop', socket: mariadb.socket };
  const dumps = await stage.dump(entry);

  const tried = await stage.tryOut(dumps, entry);

  expect(tried).toMatchObject({ loaded: 1, summary: expect.stringContaining('mariadb shop: 1 table in') });
  expect(await left()).toEqual([]);
  expect(await mariadb.sql('shop', 'SELECT name FROM goods')).toBe('bread');
});

test('Redis: a snapshot is read by a server of its own; a damaged one is told', async () => {
  await using server = await startRedis();
  const { port } = new URL(server.url);
  const stopped = { stop: ['false'], start: ['false'] };
  const entry = { type: 'redis', host: '127.0.0.1', port: Number(port), ...stopped };
  await call('redis-cli', ['-p', port, 'SET', 'note', 'precious']);
  const dumps = await stage.dump(entry);

  const tried = await stage.tryOut(dumps, entry);
  const [made] = dumps;
  await stage.replace(made?.file ?? '', `REDIS0011${'x'.repeat(100)}`);

  expect(tried).toMatchObject({ loaded: 1, summary: expect.stringContaining('1 key in') });
  await expect(stage.tryOut(dumps, entry)).rejects.toMatchObject({ code: 'HA_DUMP_INVALID' });
  expect(await left()).toEqual([]);
});

test('SQLite: a file is looked through, and one that lacks a table is told', async () => {
  const path = join(stage.path, 'app.db');
  await call('sqlite3', [path, 'CREATE TABLE notes (text); CREATE TABLE pages (text)']);
  const entry = { type: 'sqlite', path };
  const dumps = await stage.dump(entry);
  await rm(path);

  expect(await stage.tryOut(dumps, entry)).toMatchObject({ loaded: 1, summary: expect.stringContaining('2 tables') });
  const more = dumps.map((dump): Dump => ({ ...dump, tables: 3 }));
  await expect(stage.tryOut(more, entry)).rejects.toMatchObject({ code: 'HA_DUMP_INVALID' });
});

test('what a trial that was killed has left is removed by the next one, and by its end', async () => {
  const entry = { type: 'mariadb', name: 'shop', socket: mariadb.socket };
  const dumps = await stage.dump(entry);
  const leftover = async () => mkdir(join(PARENT, `homelab-autopilot-${TRIAL}`, 'data'), { recursive: true });

  await leftover();
  expect(await stage.tryOut(dumps, entry)).toMatchObject({ loaded: 1 });
  await leftover();
  await stage.endTry(entry);

  expect(await left()).toEqual([]);
});
