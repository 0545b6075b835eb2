/** Runs that outlived what they were made with: a plan of another version, a plugin that is gone. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createEngine } from '#engine/engine.ts';
import { performAction } from '#host/perform.ts';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { unreliableWorld } from '#test/engine/unreliable-transport.ts';
import { openStage } from '#test/host/stage.ts';
import { startTestEngine } from '#test/support/engine.ts';
import { planOf, step } from '#test/support/plans.ts';
import { tempDir } from '#test/support/tmp.ts';

test('a run whose plan this version cannot read becomes a matter for a person, and the others go on', async () => {
  await using dir = await tempDir();
  using db = openDatabase(join(dir.path, 'state.db'));
  const now = () => new Date();
  const newEngine = () => {
    const { transport, awake } = unreliableWorld(() => false);
    const journal = createJournal(db, { now });
    return { engine: createEngine({ journal, transport, limits: { atOnce: new Map() }, now }), awake };
  };
  const rest = { input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] };
  const before = newEngine();
  await before.engine.accept({ id: 'bcdfghjkmnpq', plan: planOf(step('a'), { service: 'one' }), ...rest });
  await before.engine.accept({ id: 'bcdfghjkmnpr', plan: planOf(step('a'), { service: 'two' }), ...rest });
  db.sql(`UPDATE runs SET plan = '{"format":2}' WHERE id = 'bcdfghjkmnpq'`).run();

  const after = newEngine();
  await after.engine.resume();

  expect(createHistory(db).run('bcdfghjkmnpq')).toMatchObject({
    status: 'needs_attention',
    reason: expect.stringContaining('this version cannot read the run'),
  });
  expect([...after.awake]).toEqual(['bcdfghjkmnpr']);
});

test('a plan whose plugin is gone ends as a matter for a person, with the reason', async () => {
  await using stage = await openStage({ plugins: [] });
  await using bed = await startTestEngine(async ({ step: planned, mayHaveRun }, { signal }) =>
    performAction({ ...planned, mayHaveRun, voice: stage.voice }, stage.ports, signal),
  );

  const detail = await bed.ended(await bed.request(planOf(step('capture', { undo: true }))));

  expect(detail).toMatchObject({
    status: 'needs_attention',
    reason: expect.stringContaining('nas has no service plugin generic'),
  });
});
