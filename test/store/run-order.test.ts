/** Runs that wait for others: the order is in the state file, so it holds whatever dies. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Acceptance, Journal, Order } from '#engine/ports.ts';
import type { TerminalStatus } from '#engine/run.ts';
import { type Database, openDatabase } from '#store/database.ts';
import { createJournal } from '#store/journal.ts';
import { planOf, step } from '#test/support/plans.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

let dir: TempDir;
let db: Database;
let journal: Journal;

beforeEach(async () => {
  dir = await tempDir();
  open();
});
afterEach(async () => {
  db[Symbol.dispose]();
  await dir[Symbol.asyncDispose]();
});

function open(): void {
  db = openDatabase(join(dir.path, 'state.db'));
  journal = createJournal(db, { now: () => new Date() });
}

/** The controller died and was started again. */
function restart(): void {
  db[Symbol.dispose]();
  open();
}

/** The id of a run tells its service: `db1`, `db2` are runs of `db`. */
function accept(id: string, order: Partial<Order> = {}, more: Partial<Acceptance> = {}): void {
  const plan = planOf(step('a'), { workflow: 'update', service: id.replace(/\d+$/, '') });
  const rest = { input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] };
  journal.accept({ id, plan, ...rest, order: { after: [], needs: [], ...order }, ...more });
}

const admit = () => journal.admit({ atOnce: new Map() });
const end = (run: string, status: TerminalStatus) => journal.finish(run, { status, reason: null, next: null });
const stopped = () => journal.stopped().map(({ run, by }) => `${run} by ${by.run}: ${by.status}`);

test.each(['succeeded', 'skipped'] as const)('a run begins when those before it have ended well: %s', (status) => {
  accept('db1');
  accept('shop1', { after: ['db1'] });
  expect(admit()).toEqual(['db1']);
  expect(admit()).toEqual([]);

  restart();
  expect(admit()).toEqual([]);
  end('db1', status);

  expect(stopped()).toEqual([]);
  expect(admit()).toEqual(['shop1']);
});

test.each(['failed', 'rolled_back', 'cancelled', 'needs_attention'] as const)(
  'a run is not begun any more when one before it has ended as %s, nor are those that wait for it',
  (status) => {
    accept('db1');
    accept('shop1', { after: ['db1'] });
    accept('proxy1', { after: ['shop1'] });
    accept('notes1');
    expect(admit()).toEqual(['db1', 'notes1']);
    end('db1', status);
    restart();

    expect(stopped()).toEqual([`shop1 by db1: ${status}`, `proxy1 by db1: ${status}`]);
  },
);

test('a run that was never asked for is not waited for', () => {
  accept('shop1', { after: ['db9'] });

  expect(admit()).toEqual(['shop1']);
});

test('unfinished runs of what a service needs are waited for, as far as they are due', () => {
  accept('db1');
  accept('cache1', {}, { notBefore: '2999-01-01T00:00:00.000Z' });
  accept('shop1', { needs: ['db', 'cache'] });
  expect(admit()).toEqual(['db1']);

  end('db1', 'succeeded');

  expect(admit()).toEqual(['shop1']);
});

test('two runs that would wait for each other do not: the earlier one waits', () => {
  accept('shop1', { after: ['db1'] });
  accept('db1', { needs: ['shop'] });

  expect(admit()).toEqual(['db1']);
});
