/** Variables in the texts of a configuration. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expandVariables } from '#config/variables.ts';

const env = { HOST: 'nas', EMPTY: '', INNER: 'deep' };

describe('variables', () => {
  test.each([
    ['a ${HOST} b', 'a nas b'],
    ['${HOST}${HOST}', 'nasnas'],
    ['${EMPTY}', ''],
    ['${MISSING:-else}', 'else'],
    ['${EMPTY:-else}', 'else'],
    ['${MISSING:-}', ''],
    ['${MISSING:-${INNER} x}', 'deep x'],
    ['${HOST:?needed}', 'nas'],
    ['$${HOST} costs 5$', '${HOST} costs 5$'],
    ['$HOST and $$', '$HOST and $'],
  ])('%s becomes "%s"', (text, expanded) => {
    expect(expandVariables(text, env)).toBe(expanded);
  });

  test.each([
    ['${MISSING}', 'the environment variable MISSING is not set; set it, or write ${MISSING:-default}'],
    ['${MISSING:?name the host}', 'the environment variable MISSING is not set: name the host'],
    ['${EMPTY:?name the host}', 'the environment variable EMPTY is not set: name the host'],
    ['${HOST', '"${" starts a variable that no "}" ends; write $$ for a dollar sign'],
    ['${sec-ret}', '"${" starts a variable, and what follows is not one; write ${NAME}, or $$ for a dollar sign'],
  ])('%s is refused with the reason', (text, reason) => {
    expect(() => expandVariables(text, env)).toThrow(reason);
  });

  test('any text can be written with $$ for each dollar sign', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(expandVariables(text.replaceAll('$', '$$$$'), {})).toBe(text);
      }),
    );
  });
});
