/** What the engine tells of a run's end. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createEngine } from '#engine/engine.ts';
import type { Journal } from '#engine/ports.ts';
import { openDatabase } from '#store/database.ts';
import { createJournal } from '#store/journal.ts';
import { unreliableWorld } from '#test/engine/unreliable-transport.ts';
import { planOf, step } from '#test/support/plans.ts';
import { tempDir } from '#test/support/tmp.ts';

test('an end that could not be written, because the disk was full, is told once: when it is written', async () => {
  await using dir = await tempDir();
  using db = openDatabase(join(dir.path, 'state.db'));
  const real = createJournal(db, { now: () => new Date() });
  let full = false;
  const journal: Journal = {
    ...real,
    atomically: (work) =>
      real.atomically(() => {
        const result = work();
        if (full) throw new Error('database or disk is full');
        return result;
      }),
  };
  const world = unreliableWorld(() => false);
  const told: string[] = [];
  const transport = {
    ...world.transport,
    tell: (event: Parameters<typeof world.transport.tell>[0]) => {
      if (event.type === 'run') told.push(event.status);
    },
  };
  const engine = createEngine({ journal, transport, limits: { atOnce: new Map() }, now: () => new Date() });
  const rest = { input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] };
  await engine.accept({ id: 'bcdfghjkmnpq', plan: planOf(step('a')), ...rest });
  await engine.advance('bcdfghjkmnpq');
  world.work(0, false);

  full = true;
  await expect(engine.advance('bcdfghjkmnpq')).rejects.toThrow('full');
  expect(told).toEqual(['queued', 'running']);
  full = false;
  await engine.advance('bcdfghjkmnpq');

  expect(told).toEqual(['queued', 'running', 'succeeded']);
});
