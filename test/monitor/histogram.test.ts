/** Response times in buckets. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { added, type Histogram, merged, packed, percentile, unpacked } from '#monitor/histogram.ts';

const histogramOf = (times: readonly number[]): Histogram =>
  times.reduce((sum: Histogram, ms) => added(sum, ms), new Map());

const times = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 200 });

test('a percentile is at most a tenth away from the true one', () => {
  fc.assert(
    fc.property(times, fc.constantFrom(0.5, 0.95, 0.99), (all, share) => {
      const sorted = all.toSorted((a, b) => a - b);
      const truth = sorted[Math.ceil(all.length * share) - 1] ?? 0;

      const told = percentile(histogramOf(all), share) ?? 0;

      expect(Math.abs(told - truth)).toBeLessThanOrEqual(truth * 0.1 + 1);
    }),
  );
});

test('what is packed is unpacked again, whatever the counts', () => {
  const entry = fc.tuple(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 1, max: 40_000_000 }));
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const histogram = new Map(entries);

      expect([...unpacked(packed(histogram))].toSorted(([a], [b]) => a - b)).toEqual(
        [...histogram].toSorted(([a], [b]) => a - b),
      );
    }),
  );
});

test('two histograms together are the one of all their times', () => {
  fc.assert(
    fc.property(times, times, (a, b) => {
      expect(percentile(merged([histogramOf(a), histogramOf(b)]), 0.95)).toBe(
        percentile(histogramOf([...a, ...b]), 0.95),
      );
    }),
  );
});

test('without an answer there is no percentile', () => {
  expect(percentile(new Map(), 0.5)).toBeNull();
});
