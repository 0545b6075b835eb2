/** Sizes: letters count in powers of 1024, as in `du` and `dd`; `…B` in powers of 1000. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSize } from '#kernel/size.ts';

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['512', 512],
    ['500M', 524_288_000],
    ['10G', 10_737_418_240],
    ['1.5T', 1_649_267_441_664],
    ['10GiB', 10_737_418_240],
    ['10GB', 10_000_000_000],
    ['1 k', 1024],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'G', '-1G', '1.G', '10X', '10iB', '1,5G', '10 G B', '9999999P'])('"%s" is not a size', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  test('a larger number of the same unit is never a smaller size', () => {
    const unit = fc.constantFrom('', 'K', 'M', 'G', 'T', 'KiB', 'MB');
    fc.assert(
      fc.property(fc.nat({ max: 8000 }), fc.nat({ max: 8000 }), unit, (a, b, suffix) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((count) => parseSize(`${count}${suffix}`) ?? -1);

        expect(low).toBeLessThanOrEqual(high ?? -1);
      }),
    );
  });
});
