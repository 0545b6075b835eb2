/** The state file: opened whole, or refused with its name and untouched. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openDatabase, readDatabase } from '#store/database.ts';
import { lastDrills } from '#store/drills.ts';
import { migrations } from '#store/migrations.ts';
import { tempDir } from '#test/support/tmp.ts';

test('a new state file has the newest shape, and opening it again changes nothing', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'deep', 'state.db');

  for (let time = 0; time < 2; time++) {
    using db = openDatabase(file);
    expect(db.sql('PRAGMA user_version').get()).toEqual({ user_version: migrations.length });
  }
});

test('nobody but its owner can read the history', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  using db = openDatabase(file);
  db.sql(`INSERT INTO meta (key, value) VALUES ('k', 'v')`).run();

  expect((await stat(file)).mode & 0o077).toBe(0);
  expect((await stat(`${file}-wal`)).mode & 0o077).toBe(0);
});

test('a file that is no database is named, and left as it is', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  const text = 'this was something else '.repeat(100);
  await writeFile(file, text);

  expect(() => openDatabase(file)).toThrow(
    expect.objectContaining({ code: 'HA_STATE_UNUSABLE', message: expect.stringContaining(file) }),
  );
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('a file of a newer version is refused, not downgraded', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  const newer = new DatabaseSync(file);
  newer.exec('PRAGMA user_version = 999');
  newer.close();

  expect(() => openDatabase(file)).toThrow(/newer version/);
});

test('a transaction that fails leaves nothing behind', async () => {
  await using dir = await tempDir();
  using db = openDatabase(join(dir.path, 'state.db'));
  const write = () => db.sql(`INSERT INTO meta (key, value) VALUES ('k', 'v')`).run();

  expect(() =>
    db.atomically(() => {
      write();
      throw new Error('no');
    }),
  ).toThrow('no');

  expect(db.sql('SELECT count(*) AS n FROM meta').get()).toEqual({ n: 0 });
});

test('the history can be read while the controller writes', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  using writer = openDatabase(file);
  writer.sql(`INSERT INTO meta (key, value) VALUES ('k', 'v')`).run();

  using reader = readDatabase(file);

  expect(reader.sql('SELECT value FROM meta').get()).toEqual({ value: 'v' });
});

test('what drills had proven before guests were drilled too is kept', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  const before = migrations.findIndex((sql) => sql.includes('CREATE TABLE proofs'));
  const older = new DatabaseSync(file);
  for (const sql of migrations.slice(0, before)) older.exec(sql);
  older.exec(`PRAGMA user_version = ${before}`);
  older.exec(`INSERT INTO drills VALUES ('r1', 'notes', 'p1', 'usb', '2026-03-01T06:00:41.000Z', 41300, 10800000, 1)`);
  older.close();

  using db = openDatabase(file);

  expect(lastDrills(db, 'service')).toEqual([
    {
      run: 'r1',
      of: 'set',
      service: 'notes',
      restorePoint: 'p1',
      destination: 'usb',
      provenAt: '2026-03-01T06:00:41.000Z',
      recoveryMs: 41_300,
      dataAgeMs: 10_800_000,
      started: true,
    },
  ]);
});
