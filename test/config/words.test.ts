/** Splitting a command as a shell does. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitWords } from '#config/words.ts';

describe('splitting words', () => {
  test.each([
    ['pass show slack', ['pass', 'show', 'slack']],
    ['  a\t b\n', ['a', 'b']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`a'b'"c"d`, ['abcd']],
    [String.raw`a\ b "c\"d" 'e\f' "g\h"`, ['a b', 'c"d', String.raw`e\f`, String.raw`g\h`]],
    ['echo $HOME | tee *; x', ['echo', '$HOME', '|', 'tee', '*;', 'x']],
    [`x ''`, ['x', '']],
    ['', []],
  ])('%s', (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });

  test.each([`a 'b`, 'a "b', 'a "b\\"', 'a\\'])('%s is not whole', (text) => {
    expect(splitWords(text)).toBeUndefined();
  });

  test('words that were quoted come back as they were', () => {
    const single = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;
    const double = (word: string): string => `"${word.replaceAll(/["\\$`]/g, String.raw`\$&`)}"`;
    fc.assert(
      fc.property(fc.array(fc.string()), fc.constantFrom(single, double), (words, quote) => {
        expect(splitWords(words.map(quote).join(' '))).toEqual(words);
      }),
    );
  });
});
