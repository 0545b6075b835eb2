/** Databases of a service: dumped by the vendor's own tools while they run, found whole, and put back as a whole. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Dumping, openDumping, withProgram } from '#test/plugins/services/dumping.ts';
import {
  canRunDatabases,
  needsDatabases,
  startMariadb,
  startPostgres,
  type TestDatabase,
} from '#test/support/databases.ts';

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

let stage: Dumping;
beforeEach(async (context) => {
  needsDatabases(context);
  stage = await openDumping();
  context.onTestFinished(() => stage[Symbol.asyncDispose]());
});

const dump: Dumping['dump'] = async (...databases) => stage.dump(...databases);
const load: Dumping['load'] = async (dumps, ...databases) => stage.load(dumps, ...databases);

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
    const sql = await stage.content(made?.file ?? '');
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
    const sql = await stage.content(made?.file ?? '');
    await stage.replace(made?.file ?? '', sql.replace('COPY public.documents', 'COPY public.nonsense'));
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
    const path = join(stage.path, dumps[0]?.file ?? '');
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
    await withProgram(stage, { name: 'pg_dump', script }, async () => {
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
    const sql = await stage.content(made?.file ?? '');
    await stage.replace(made?.file ?? '', sql.replace('INSERT INTO `goods`', 'INSERT INTO `nonsense`'));

    const failed = load(made === undefined ? [] : [made], entry());

    await expect(failed).rejects.toMatchObject({
      code: 'HA_COMMAND_FAILED',
      message: expect.stringContaining('nonsense'),
    });
  });

  test('a dump program that prints half of it and succeeds has made no dump', async () => {
    await withProgram(stage, { name: 'mariadb-dump', script: 'echo "CREATE TABLE a ("' }, async () => {
      await expect(dump(entry())).rejects.toMatchObject({ code: 'HA_DUMP_INVALID' });
    });
  });

  test('a database that does not exist is told by its name', async () => {
    await expect(dump({ ...entry(), name: 'nothing' })).rejects.toThrow(/has no database nothing/);
  });
});
