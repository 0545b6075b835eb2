/** A backup that is suddenly much smaller or larger than those before is told of. */
import { expect, test } from 'vitest';
import { oddSize } from '#archive/odd-size.ts';

const MB = 1_000_000;

test.each([
  ['a tenth of the usual', 10 * MB, 100 * MB, 'the set has 10.0 MB, where 100 MB are usual: is something missing?'],
  ['twice the usual', 200 * MB, 100 * MB, 'the set has 200 MB, where 100 MB are usual: is something in it that'],
])('%s is odd', (_, bytes, usual, said) => {
  expect(oddSize(bytes, usual)).toEqual([expect.stringContaining(said)]);
});

test.each([
  ['somewhat more', 190 * MB, 100 * MB],
  ['somewhat less', 20 * MB, 100 * MB],
  ['a small set that doubles', 40_000, 20_000],
  ['a set with too few before it', 500 * MB, undefined],
])('%s is not', (_, bytes, usual) => {
  expect(oddSize(bytes, usual)).toEqual([]);
});
