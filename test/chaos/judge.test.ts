/** The judge of the storms sees what is wrong: a figure of zero means something only if it could have been another. */
import { expect, test } from 'vitest';
import { falseDeaths, sinceLastFault } from '#test/chaos/judge.ts';
import type { Entry } from '#test/fixtures/drill/world.ts';

const begin = (pid: number, at: number): Entry => ({ run: 'r', step: 'write', what: 'begin', pid, at });
const end = (pid: number, at: number): Entry => ({ ...begin(pid, at), what: 'end' });
const took = [begin(1, 20_000), begin(2, 28_000), end(2, 28_100), end(1, 28_500)];
const span = (name: string) => ({ name, from: 21_000, to: 22_000 });

test('a step that is taken from a living worker is a false death, also when its event loop stood still', () => {
  const spans = [span('block event loop'), span('kill controller')];

  expect(falseDeaths('s', took, { kills: [], spans })).toHaveLength(1);
});

test.each([
  ['the worker died', took, [{ name: 'worker-0', pid: 1, at: 21_000 }], []],
  ['its line was cut', took, [], [span('cut connection')]],
  ['it had ended, and was tried again', [begin(1, 20_000), end(1, 20_100), begin(2, 28_000)], [], []],
])('a step that is begun again is none when %s', (_why, ledger, kills, spans) => {
  expect(falseDeaths('s', ledger, { kills, spans })).toEqual([]);
});

test('a recovery is counted from the last other fault on its way, and from the death that it is about without one', () => {
  const recovery = { ms: 5_000, pid: 1, killedAt: 20_000, run: 'r', step: 'write' };
  const own = [20_000, 20_900].map((at) => ({ name: 'worker-0', pid: 1, at }));
  const others = [19_000, 23_000, 26_000].map((at) => ({ name: 'controller', pid: 9, at }));
  const frozen = { name: 'freeze redis briefly', from: 24_000, to: 24_500 };
  const beyond = { name: 'freeze controller', from: 24_000, to: 60_000 };
  const counted = (kills: typeof own, spans: (typeof frozen)[]) => sinceLastFault(recovery, { kills, spans }).ms;

  expect(counted(own, [])).toBe(5_000);
  expect(counted([...own, ...others], [])).toBe(2_000);
  expect(counted([...own, ...others], [frozen, beyond])).toBe(500);
});
