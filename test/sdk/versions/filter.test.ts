/** Filters of tags: what is an expression, and that none can run for ever. */
import { describe, expect, test } from 'vitest';
import { compileFilter, TagFilter } from '#sdk/versions/filter.ts';

describe('a tag filter', () => {
  test('takes no time that grows with a power of the length, as an evil one would elsewhere', () => {
    const evil = compileFilter('^(a+)+$');
    const begun = performance.now();

    expect(evil(`${'a'.repeat(120)}!`)).toBe(false);

    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  test('that is no expression is refused in the configuration, as is one that cannot be linear', () => {
    for (const text of ['(', '(?=x)', '(a)\\1', '']) expect(TagFilter.safeParse(text).success).toBe(false);
    expect(TagFilter.safeParse('^\\d+\\.\\d+-alpine$').success).toBe(true);
  });
});
