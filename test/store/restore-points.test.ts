/** The index of restore points follows what the runs report. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createRestorePointIndex } from '#store/restore-points.ts';
import { tempDir } from '#test/support/tmp.ts';

async function bed() {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  const points = createRestorePointIndex(db);
  const history = createHistory(db);
  const at = '2026-01-01T03:00:00.000Z';
  const seal = (id: string) =>
    points.sealed({
      id,
      service: 'notes',
      host: 'nas',
      run: `run-${id}`,
      createdAt: at,
      sizeBytes: 10,
      files: 1,
      purpose: 'backup' as const,
      verifiedAt: at,
    });
  const copy = (id: string, destination: string) => points.copied({ id, destination, host: 'nas', verifiedAt: at });
  return {
    points,
    seal,
    copy,
    list: () => history.restorePoints('notes'),
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const outcome = { destination: 'usb', host: 'nas', service: 'notes' };

test('a set that retention removed from its last destination is no restore point any more', async () => {
  await using at = await bed();
  at.seal('one');
  at.copy('one', 'usb');
  at.seal('two');
  at.copy('two', 'usb');
  at.copy('two', 'vault');

  at.points.retained({ ...outcome, removed: ['one', 'two'], pinned: [] });

  expect(at.list().map(({ id, copies }) => [id, copies.map(({ destination }) => destination)])).toEqual([
    ['two', ['vault']],
  ]);
});

test('a pin comes and goes with what the destination says', async () => {
  await using at = await bed();
  at.seal('one');
  at.copy('one', 'usb');

  at.points.retained({ ...outcome, removed: [], pinned: ['one'] });
  expect(at.list()).toMatchObject([{ id: 'one', pinned: true }]);
  at.points.retained({ ...outcome, removed: [], pinned: [] });

  expect(at.list()).toMatchObject([{ id: 'one', pinned: false }]);
});

test('a copy of a set that the index does not know changes nothing', async () => {
  await using at = await bed();

  at.copy('stranger', 'usb');

  expect(at.list()).toEqual([]);
});
