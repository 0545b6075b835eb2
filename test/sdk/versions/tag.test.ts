/** Tags that are versions: what is one, and which of two is newer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparable, compareTags, levelOf, parseTag, type VersionTag } from '#sdk/versions/tag.ts';

function version(tag: string): VersionTag {
  const parsed = parseTag(tag);
  if (parsed === undefined) throw new Error(`${tag} is no version`);
  return parsed;
}

/** Tags as people write them. */
const number = fc.nat({ max: 120 });
const tags = fc
  .record({
    v: fc.constantFrom('', 'v'),
    numbers: fc.array(number, { minLength: 1, maxLength: 4 }),
    pre: fc.constantFrom('', '', '', '-rc.1', '-beta2', 'rc3', '-alpha', '.dev4'),
    flavour: fc.constantFrom('', '-alpine', '-slim-bookworm', '-apache'),
    revision: fc.constantFrom('', '', '-r2', '-ls11'),
  })
  .map(({ v, numbers, pre, flavour, revision }) => `${v}${numbers.join('.')}${pre}${flavour}${revision}`);

describe('a tag', () => {
  test.each([
    ['latest'],
    ['stable'],
    ['alpine'],
    ['3f2a91c'],
    ['sha-3f2a91c'],
    ['1.2.3.4.5.6'],
    ['1.'],
    ['.1'],
    [''],
    ['main-1'],
    [`1.${'9'.repeat(40)}`],
  ])('%j is no version', (tag) => {
    expect(parseTag(tag)).toBeUndefined();
  });

  test.each([
    ['1.2.3', '1.2.4'],
    ['1.2.9', '1.2.10'],
    ['1.9.9', '2.0.0'],
    ['v1.2.3', '1.2.4'],
    ['1.2.3-rc.1', '1.2.3'],
    ['1.2.3-alpha', '1.2.3-beta'],
    ['1.2.3-beta.2', '1.2.3-beta.11'],
    ['1.2.3rc1', '1.2.3rc2'],
    ['1.2.3-rc.1-alpine', '1.2.3-alpine'],
    ['16.4-alpine', '16.5-alpine'],
    ['15', '16'],
    ['2025.12.3', '2026.1.0'],
    ['2026.01.5', '2026.11.1'],
    ['2026-01-31', '2026-02-01'],
    ['20260131', '20260201'],
    ['1.2.3-r1', '1.2.3-r10'],
    ['1.2.3-ls9', '1.2.4-ls1'],
  ])('%s is older than %s', (older, newer) => {
    const [one, other] = [version(older), version(newer)];

    expect(comparable(one, other)).toBe(true);
    expect(compareTags(one, other)).toBeLessThan(0);
    expect(compareTags(other, one)).toBeGreaterThan(0);
  });

  test.each([
    ['16.4-alpine', '16.5'],
    ['16.4', '16.5-alpine'],
    ['16.4-alpine3.19', '16.5-alpine3.20'],
    ['16', '16.5'],
    ['1.2', '1.3.0'],
    ['3.2.1', '2026.1.1'],
    ['8-jdk17', '8-jdk21'],
  ])('%s is not compared with %s, which is something else', (one, other) => {
    expect(comparable(version(one), version(other))).toBe(false);
  });

  test.each([
    ['1.2.3', '1.2.4', 'patch'],
    ['1.2.3', '1.3.0', 'minor'],
    ['1.2.3', '2.0.0', 'major'],
    ['15', '16', 'major'],
    ['1.2.3-rc.1', '1.2.3', 'patch'],
    ['1.2.3-r1', '1.2.3-r2', 'patch'],
    ['2026.1.1', '2026.1.2', 'patch'],
    ['2026.1.1', '2026.2.0', 'minor'],
    ['2025.12.1', '2026.1.0', 'minor'],
    ['20260131', '20270131', 'minor'],
  ])('from %s to %s is a step of the size %s%s', (from, to, level) => {
    expect(levelOf(version(from), version(to))).toBe(level);
  });

  test('is in one order with all others: whatever is compared', () => {
    fc.assert(
      fc.property(tags, tags, tags, (...three) => {
        const [a, b, c] = three.map(version) as [VersionTag, VersionTag, VersionTag];
        const signs = [Math.sign(compareTags(a, b)), -Math.sign(compareTags(b, a))];
        expect(signs[0]).toBe(signs[1] === 0 ? 0 : signs[1]);
        expect(compareTags(a, a)).toBe(0);
        if (compareTags(a, b) <= 0 && compareTags(b, c) <= 0) expect(compareTags(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
