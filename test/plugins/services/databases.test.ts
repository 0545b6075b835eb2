/** Databases of a service: dumped by the vendor's own tools while they run, found whole, and put back as a whole. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/generic/index.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import {
  canRunDatabases,
  needsDatabases,
  startMariadb,
  startPostgres,
  type TestDatabase,
} from '#test/support/databases.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const call = promisify(execFile);
const RELEASE = { version: null, images: [], configFiles: [], detail: {} };

let postgres: TestDatabase;
let mariadb: TestDatabase;

beforeAll(async () => {
  if (!canRunDatabases()) return;
  [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
}, 60_000);

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await mariadb?.[Symbol.asyncDispose]();
});

let harness: PluginHarness;
let dir: TempDir;
beforeEach(async (context) => {
  needsDatabases(context);
  harness = await openPlugin(plugin);
  dir = await tempDir();
  context.onTestFinished(async () => {
    await harness[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });
});

async function dump(...databases: JsonObject[]): Promise<Dump[]> {
  const output = await harness.run('dump', { backup: { databases } }, { directory: dir.path, level: 1 });
  return output['dumps'] as unknown as Dump[];
}

async function load(dumps: readonly Dump[], ...databases: JsonObject[]): Promise<JsonObject> {
  const input = { directory: dir.path, dumps: dumps as unknown as JsonObject[], release: RELEASE };
  return harness.run('load', { backup: { databases } }, input);
}

const content = async (file: string) => (await call('zstd', ['-dcq', join(dir.path, file)])).stdout;

/** A program of this name that is found first. @returns what goes before PATH. */
async function fake(name: string, script: string): Promise<string> {
  const bin = join(dir.path, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
  return bin;
}

async function withPath<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const { PATH } = process.env;
  process.env['PATH'] = `${folder}:${PATH}`;
  try {
    return await work();
  } finally {
    process.env['PATH'] = PATH;
  }
}

describe('PostgreSQL', () => {
  const entry = (name: string | string[]) => ({ type: 'postgresql', name, socket: postgres.socket });
  let number = 0;
  let name: string;
  beforeEach(async (context) => {
    context.onTestFinished(async () => {
      await postgres.sql('postgres', `DROP DATABASE IF EXISTS ${name}`);
    });
    number += 1;
    name = `papers${number}`;
    await postgres.sql('postgres', `CREATE DATABASE ${name}`);
    await postgres.sql(
      name,
      `CREATE TABLE documents (id serial PRIMARY KEY, title text NOT NULL);
       CREATE SCHEMA archive; CREATE TABLE archive.pages (document int REFERENCES documents);
       CREATE VIEW titles AS SELECT title FROM documents;
       INSERT INTO documents (title) VALUES ('precious'), (E'CREATE TABLE of contents'), ('ünïcode \\ back');
       INSERT INTO archive.pages VALUES (1), (2)`,
    );
  });
  const titles = async () => postgres.sql(name, 'SELECT title FROM documents ORDER BY id');

  test('a dump tells its tables and versions, and ends as a whole one does', async () => {
    const [made] = await dump(entry(name));

    expect(made).toMatchObject({
      file: `dump-1-postgresql-${name}.sql.zst`,
      type: 'postgresql',
      name,
      place: postgres.socket,
      tables: 2,
      atRest: false,
    });
    expect(made?.server).toMatch(/^\d+\.\d+/);
    const sql = await content(made?.file ?? '');
    expect(Buffer.byteLength(sql)).toBe(made?.bytes);
    expect(sql).toContain('-- PostgreSQL database dump complete');
  });

  test('what was dumped is back, and what came after it is gone', async () => {
    const before = await titles();
    const dumps = await dump(entry(name));
    await postgres.sql(
      name,
      `UPDATE documents SET title = 'spoiled'; CREATE TABLE documents_v2 (id int); DROP VIEW titles;
       CREATE SCHEMA later; CREATE TABLE later.more (id int); SELECT lo_from_bytea(0, 'later')`,
    );

    const output = await load(dumps, entry(name));

    expect(output['summary']).toBe(`postgresql ${name} (2 tables) back`);
    expect(await titles()).toBe(before);
    expect(
      await postgres.sql(name, `SELECT to_regclass('documents_v2') IS NULL, to_regnamespace('later') IS NULL`),
    ).toBe('t\tt');
    expect(await postgres.sql(name, `INSERT INTO documents (title) VALUES ('new') RETURNING id`)).toBe('4');
    expect(await postgres.sql(name, 'SELECT count(*) FROM pg_largeobject_metadata')).toBe('0');
  });

  test('a database that is gone is made again', async () => {
    const before = await titles();
    const dumps = await dump(entry(name));
    await postgres.sql('postgres', `DROP DATABASE ${name}`);

    await load(dumps, entry(name));

    expect(await titles()).toBe(before);
  });

  test('a dump with one statement that fails changes nothing, and the reason is told', async () => {
    const [made] = await dump(entry(name));
    const sql = await content(made?.file ?? '');
    await writeFile(join(dir.path, 'bad.sql'), sql.replace('COPY public.documents', 'COPY public.nonsense'));
    await call('zstd', ['-qf', join(dir.path, 'bad.sql'), '-o', join(dir.path, made?.file ?? '')]);
    await postgres.sql(name, `INSERT INTO documents (title) VALUES ('of now')`);
    const present = await titles();

    const failed = load(made === undefined ? [] : [made], entry(name));

    await expect(failed).rejects.toMatchObject({
      code: 'HA_COMMAND_FAILED',
      message: expect.stringMatching(/was left as it is.*nonsense/s),
    });
    expect(await titles()).toBe(present);
  });

  test('a dump that lacks a table is found by the count, and nothing is changed', async () => {
    const dumps = await dump(entry(name));
    const present = await titles();

    const failed = load(
      dumps.map((one) => ({ ...one, tables: 3 })),
      entry(name),
    );

    await expect(failed).rejects.toThrow(/there are 2 tables after the restore/);
    expect(await titles()).toBe(present);
  });

  test('a file that is cut short never comes to its end in the database', async () => {
    const dumps = await dump(entry(name));
    const path = join(dir.path, dumps[0]?.file ?? '');
    await writeFile(path, (await readFile(path)).subarray(0, -20));
    const present = await titles();

    await expect(load(dumps, entry(name))).rejects.toThrow(/zstd/);

    expect(await titles()).toBe(present);
  });

  test.each([
    [
      'prints half of it and succeeds',
      'case "$*" in *--version*) echo 15.1;; *) echo "CREATE TABLE a (";; esac',
      'HA_DUMP_INVALID',
    ],
    ['prints nothing and succeeds', 'case "$*" in *--version*) echo 15.1;; esac', 'HA_DUMP_INVALID'],
    [
      'fails in the middle',
      'case "$*" in *--version*) echo 15.1;; *) echo "CREATE TABLE"; exit 1;; esac',
      'HA_COMMAND_FAILED',
    ],
  ])('a dump program that %s has made no dump', async (_, script, code) => {
    const folder = await fake('pg_dump', script);

    await withPath(folder, async () => {
      await expect(dump(entry(name))).rejects.toMatchObject({ code });
    });
  });

  test('a name that does not exist, or a server that is away, is told with the place', async () => {
    await expect(dump(entry('nothing'))).rejects.toThrow(/postgresql at .*database "nothing" does not exist/s);
    await expect(dump({ type: 'postgresql', name, socket: '/nowhere' })).rejects.toThrow(/postgresql at \/nowhere/);
  });

  test('all of a server comes as one dump for each database', async () => {
    const dumps = await dump(entry('all'));

    expect(dumps.map((one) => one.name)).toContain(name);
    expect(dumps.map((one) => one.name)).not.toContain('template0');
    expect(new Set(dumps.map(({ file }) => file)).size).toBe(dumps.length);
  });

  test('a dump that the configuration does not know is refused before anything is changed', async () => {
    const dumps = await dump(entry(name));
    const other = `other${number}`;
    const present = await titles();

    const failed = load(dumps, entry(other));

    await expect(failed).rejects.toMatchObject({ code: 'HA_RESTORE_REFUSED', message: expect.stringContaining(name) });
    expect(await titles()).toBe(present);
  });
});

describe('MariaDB', () => {
  const entry = () => ({ type: 'mariadb', name: 'shop', socket: mariadb.socket });
  beforeEach(async () => {
    await mariadb.sql('mysql', 'DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET latin1');
    await mariadb.sql(
      'shop',
      `CREATE TABLE goods (id int PRIMARY KEY AUTO_INCREMENT, name varchar(50), picture blob);
       INSERT INTO goods (name, picture) VALUES ('precious', x'00ff0a1a'), ('second', NULL);
       CREATE VIEW names AS SELECT name FROM goods;
       CREATE TRIGGER upper_name BEFORE INSERT ON goods FOR EACH ROW SET NEW.name = UPPER(NEW.name);
       CREATE PROCEDURE count_goods() SELECT count(*) FROM goods`,
    );
  });
  const goods = async () => mariadb.sql('shop', 'SELECT id, name, HEX(picture) FROM goods ORDER BY id');

  test('what was dumped is back with views, triggers and routines, and what came after it is gone', async () => {
    const before = await goods();
    const dumps = await dump(entry());
    await mariadb.sql(
      'shop',
      `UPDATE goods SET name = 'spoiled'; CREATE TABLE goods_v2 (id int); DROP TRIGGER upper_name`,
    );

    await load(dumps, entry());

    expect(dumps).toMatchObject([{ type: 'mariadb', tables: 1, detail: { charset: 'latin1' } }]);
    expect(await goods()).toBe(before);
    expect(await mariadb.sql('shop', 'SHOW TABLES')).toBe('goods\nnames');
    await mariadb.sql('shop', `INSERT INTO goods (name) VALUES ('third')`);
    expect(await mariadb.sql('shop', 'SELECT name FROM names ORDER BY name LIMIT 1')).toBe('precious');
    expect(await mariadb.sql('shop', 'SELECT name FROM goods WHERE id = 3')).toBe('THIRD');
    expect(await mariadb.sql('shop', 'CALL count_goods()')).toBe('3');
    expect(await mariadb.sql('shop', 'SELECT @@character_set_database')).toBe('latin1');
  });

  test('a dump with one statement that fails ends the restore there', async () => {
    const [made] = await dump(entry());
    const sql = await content(made?.file ?? '');
    await writeFile(join(dir.path, 'bad.sql'), sql.replace('INSERT INTO `goods`', 'INSERT INTO `nonsense`'));
    await call('zstd', ['-qf', join(dir.path, 'bad.sql'), '-o', join(dir.path, made?.file ?? '')]);

    const failed = load(made === undefined ? [] : [made], entry());

    await expect(failed).rejects.toMatchObject({
      code: 'HA_COMMAND_FAILED',
      message: expect.stringContaining('nonsense'),
    });
  });

  test('a dump program that prints half of it and succeeds has made no dump', async () => {
    const folder = await fake('mariadb-dump', 'echo "CREATE TABLE a ("');

    await withPath(folder, async () => {
      await expect(dump(entry())).rejects.toMatchObject({ code: 'HA_DUMP_INVALID' });
    });
  });

  test('a database that does not exist is told by its name', async () => {
    await expect(dump({ ...entry(), name: 'nothing' })).rejects.toThrow(/has no database nothing/);
  });
});

describe('Redis', () => {
  const cli = async (...words: string[]) =>
    (await call('redis-cli', ['-s', join(dir.path, 'socket'), ...words])).stdout.trim();

  /** A server as a system starts one: by a command that ends, with a log or without. */
  async function startServer(log: 'yes' | 'no'): Promise<JsonObject> {
    const settings = [
      'port 0',
      `unixsocket ${dir.path}/socket`,
      `dir ${dir.path}`,
      'daemonize yes',
      `pidfile ${dir.path}/pid`,
      'save ""',
      `appendonly ${log}`,
    ];
    await writeFile(join(dir.path, 'redis.conf'), `${settings.join('\n')}\n`);
    const start = ['redis-server', join(dir.path, 'redis.conf')];
    await call('redis-server', start.slice(1));
    await eventually('the server answers', async () => (await cli('PING').catch(() => '')) === 'PONG');
    onTestFinished(async () => {
      await cli('SHUTDOWN', 'NOSAVE').catch(() => undefined);
      await eventually(
        'the server has ended',
        async () =>
          await stat(join(dir.path, 'pid')).then(
            () => false,
            () => true,
          ),
      );
    });
    const stop = ['sh', '-c', `redis-cli -s ${dir.path}/socket SHUTDOWN NOSAVE || true`];
    return { type: 'redis', socket: `${dir.path}/socket`, stop, start };
  }

  test.each(['yes', 'no'] as const)('with its log (%s) all keys are as they were dumped', async (log) => {
    const entry = await startServer(log);
    await cli('SET', 'note', 'precious');
    await cli('-n', '3', 'RPUSH', 'list', 'a', 'b');
    const dumps = await dump(entry);
    await cli('SET', 'note', 'spoiled');
    await cli('SET', 'later', 'x');

    await load(dumps, entry);

    expect(dumps).toMatchObject([{ type: 'redis', tables: 2, server: expect.stringMatching(/^\d+\.\d+/) }]);
    expect(await cli('GET', 'note')).toBe('precious');
    expect(await cli('EXISTS', 'later')).toBe('0');
    expect(await cli('-n', '3', 'LRANGE', 'list', '0', '-1')).toBe('a\nb');
    await cli('SET', 'after', 'y');
    await cli('SHUTDOWN', 'SAVE');
    await call('redis-server', [join(dir.path, 'redis.conf')]);
    await eventually('the server answers', async () => (await cli('PING').catch(() => '')) === 'PONG');
    expect(await cli('GET', 'after')).toBe('y');
  });

  test('a server that does not stop keeps its data', async () => {
    const entry = await startServer('no');
    await cli('SET', 'note', 'precious');
    const dumps = await dump(entry);
    await cli('SET', 'note', 'of now');

    const failed = load(dumps, { ...entry, stop: ['false'], start: ['true'] });

    await expect(failed).rejects.toThrow('false');
    expect(await cli('GET', 'note')).toBe('of now');
  });

  test('a wrong password is told, and is no empty dump', async () => {
    const entry = await startServer('no');
    await cli('CONFIG', 'SET', 'requirepass', 'secret');

    const failed = dump(entry);

    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('NOAUTH') });
    await cli('-a', 'secret', 'CONFIG', 'SET', 'requirepass', '');
  });
});

describe('SQLite', () => {
  const sql = async (path: string, statement: string) => (await call('sqlite3', [path, statement])).stdout.trim();

  async function makeDatabase(): Promise<string> {
    const path = join(dir.path, 'app "data" $1.db');
    await sql(path, "PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES ('precious')");
    await chmod(path, 0o640);
    return path;
  }

  test('a dump is whole while others write, and comes back with its mode, without the old log', async () => {
    const path = await makeDatabase();
    const dumps = await dump({ type: 'sqlite', path });
    await sql(path, "UPDATE notes SET text = 'spoiled'; CREATE TABLE later (id)");
    await writeFile(`${path}-wal`, 'left over');

    await load(dumps, { type: 'sqlite', path });

    expect(dumps).toMatchObject([
      { type: 'sqlite', name: path, tables: 1, file: 'dump-1-sqlite-app-data-1.db.db.zst' },
    ]);
    expect(await sql(path, 'SELECT text FROM notes; SELECT count(*) FROM sqlite_schema')).toBe('precious\n1');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  test('a database that is damaged is no dump', async () => {
    const path = await makeDatabase();
    await sql(path, 'PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = await readFile(path);
    bytes.fill(0x41, 4096 + 100);
    await writeFile(path, bytes);

    await expect(dump({ type: 'sqlite', path })).rejects.toThrow(/malformed|not whole/);
  });

  test('a dump that is cut short replaces nothing', async () => {
    const path = await makeDatabase();
    const dumps = await dump({ type: 'sqlite', path });
    const file = join(dir.path, dumps[0]?.file ?? '');
    await writeFile(file, (await readFile(file)).subarray(0, -10));
    await sql(path, "UPDATE notes SET text = 'of now'");

    await expect(load(dumps, { type: 'sqlite', path })).rejects.toThrow('zstd');

    expect(await sql(path, 'SELECT text FROM notes')).toBe('of now');
  });

  test('a file that is not there is no new and empty database', async () => {
    await expect(dump({ type: 'sqlite', path: '/nowhere/app.db' })).rejects.toMatchObject({
      code: 'HA_SOURCE_MISSING',
    });
  });

  test('the file and what SQLite keeps beside it are not among the files of a backup', async () => {
    const backup = {
      paths: ['/srv/app'],
      exclude: ['cache'],
      databases: [{ type: 'sqlite', path: '/srv/app/d[1]/a.db' }],
    };

    const output = await harness.run('sources', { backup });

    const names = ['a.db', 'a.db-wal', 'a.db-shm', 'a.db-journal'].map((name) => `d\\[1\\]/${name}`);
    expect(output['sources']).toEqual([{ path: '/srv/app', exclude: ['cache', ...names] }]);
  });
});
