/** Decisions on versions: the newest word on a version counts, and each image has one pin. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '#store/database.ts';
import { createDecisions, type NewDecision } from '#store/decisions.ts';
import { createHistory } from '#store/history.ts';
import { tempDir } from '#test/support/tmp.ts';

async function bed() {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  let second = 0;
  const decisions = createDecisions(db, { now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, second++)) });
  const history = createHistory(db);
  return {
    decide: (...all: Partial<NewDecision>[]) =>
      decisions.decide(all.map((one) => ({ service: 'shop', image: null, decision: 'skip', version: '1.0', ...one }))),
    unpin: decisions.unpin,
    list: (service: string | null = 'shop') =>
      history.decisions(service).map(({ image, decision, version }) => `${image ?? '*'} ${decision} ${version}`),
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test('what is decided of a version takes the place of what was decided of it before', async () => {
  await using state = await bed();

  state.decide({ decision: 'skip', version: '1.0' }, { decision: 'skip', version: '2.0' });
  state.decide({ decision: 'approve', version: '1.0' });

  expect(state.list()).toEqual(['* approve 1.0', '* skip 2.0']);
});

test('a word on all images takes back what was said of one of them', async () => {
  await using state = await bed();

  state.decide({ image: 'db', decision: 'skip' }, { image: 'web', decision: 'skip' });
  state.decide({ decision: 'approve' });
  state.decide({ image: 'db', decision: 'skip' });

  expect(state.list()).toEqual(['db skip 1.0', '* approve 1.0']);
});

test('an image has one pin, and a pin of the whole service is the only one', async () => {
  await using state = await bed();

  state.decide({ image: 'db', decision: 'pin', version: '16' }, { image: 'web', decision: 'pin', version: '1.0' });
  state.decide({ image: 'db', decision: 'pin', version: '17' });
  const each = state.list();
  state.decide({ decision: 'pin', version: '2.0' });

  expect(each).toEqual(['db pin 17', 'web pin 1.0']);
  expect(state.list()).toEqual(['* pin 2.0']);
});

test('unpinning takes the pins of a service, or of one image, and nothing else', async () => {
  await using state = await bed();
  state.decide({ image: 'db', decision: 'pin', version: '16' }, { image: 'web', decision: 'pin' }, { version: '2.0' });
  state.decide({ service: 'other', decision: 'pin' });

  const one = state.unpin('shop', 'db');
  const rest = state.unpin('shop', null);

  expect([one, rest, state.unpin('shop', null)]).toEqual([1, 1, 0]);
  expect(state.list(null).toSorted()).toEqual(['* pin 1.0', '* skip 2.0']);
});
