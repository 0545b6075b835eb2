/** A damaged state file is named and left alone, and the newest good copy is offered. */
import { copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openDatabase } from '#store/database.ts';
import { migrations } from '#store/migrations.ts';
import { copiesFolder, newestGoodCopy } from '#store/state-copies.ts';
import { tempDir } from '#test/support/tmp.ts';

const MONDAY = new Date('2026-03-02T04:00:00.000Z');
const hoursLater = (hours: number) => new Date(MONDAY.getTime() + hours * 3_600_000);

async function stateFile(dir: { path: string }): Promise<string> {
  const file = join(dir.path, 'state.db');
  using db = openDatabase(file);
  db.sql(`INSERT INTO meta (key, value) VALUES ('k', 'v')`).run();
  for (let n = 0; n < 200; n++) db.sql('INSERT INTO meta (key, value) VALUES (?, ?)').run(`k${n}`, 'x'.repeat(500));
  return file;
}

test('a copy is made once a day, and the last few are kept', async () => {
  await using dir = await tempDir();
  const file = await stateFile(dir);
  using db = openDatabase(file);

  const made = [0, 1, 23, 25, 49, 73, 97, 121, 145].map((hours) => db.copyDaily(hoursLater(hours)) !== null);

  expect(made).toEqual([true, false, false, true, true, true, true, true, true]);
  expect(await readdir(copiesFolder(file))).toHaveLength(5);
  expect(newestGoodCopy(file)?.madeAt).toBe(hoursLater(145).toISOString());
});

test.each([
  ['cut off in the middle', async (file: string) => truncate(file, 20_000)],
  ['emptied', async (file: string) => truncate(file, 0)],
  [
    'overwritten in the middle',
    async (file: string) => {
      const bytes = await readFile(file);
      await writeFile(file, bytes.fill(7, 4_096, 40_000));
    },
  ],
])('a state file that was %s is refused with the newest good copy, and untouched', async (_how, damage) => {
  await using dir = await tempDir();
  const file = await stateFile(dir);
  {
    using db = openDatabase(file);
    db.copyDaily(MONDAY);
    db.copyDaily(hoursLater(30));
  }
  const [newest = ''] = (await readdir(copiesFolder(file))).toSorted().toReversed();
  await truncate(join(copiesFolder(file), newest), 5_000);
  await damage(file);
  const damaged = await readFile(file);

  expect(() => openDatabase(file)).toThrow(
    expect.objectContaining({
      code: 'HA_STATE_UNUSABLE',
      message: expect.stringContaining(file),
      next: expect.stringContaining(`The newest good copy is of ${MONDAY.toISOString()}`),
    }),
  );
  expect(await readFile(file)).toEqual(damaged);
});

test('a copy that is put back is the history of that day', async () => {
  await using dir = await tempDir();
  const file = await stateFile(dir);
  {
    using db = openDatabase(file);
    db.copyDaily(MONDAY);
    db.sql(`UPDATE meta SET value = 'later' WHERE key = 'k'`).run();
  }

  await copyFile(newestGoodCopy(file)?.path ?? '', file);
  using again = openDatabase(file);

  expect(again.sql(`SELECT value FROM meta WHERE key = 'k'`).get()).toEqual({ value: 'v' });
});

test('before the shape of the file is changed a copy of the old shape is made', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  const older = new DatabaseSync(file);
  older.exec(`${migrations[0]} PRAGMA user_version = 1; INSERT INTO meta (key, value) VALUES ('k', 'v');`);
  older.close();

  using _newer = openDatabase(file);

  const copies = await readdir(copiesFolder(file)).catch(() => []);
  expect(copies).toHaveLength(migrations.length > 1 ? 1 : 0);
});
