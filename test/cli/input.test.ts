/** What is typed for `--input` and `--at`. */
import { expect, test } from 'vitest';
import { parseAt, parseInput } from '#cli/input.ts';

const BERLIN = { zone: 'Europe/Berlin', now: new Date('2026-03-01T03:00:00.000Z') };

test.each([
  ['02:30', '2026-03-02T01:30:00.000Z'],
  ['05:00', '2026-03-01T04:00:00.000Z'],
  ['2026-03-29 03:30', '2026-03-29T01:30:00.000Z'],
  ['2026-07-01T12:00', '2026-07-01T10:00:00.000Z'],
  ['2026-07-01T12:00:00Z', '2026-07-01T12:00:00.000Z'],
  ['2026-07-01T12:00:00-05:00', '2026-07-01T17:00:00.000Z'],
])('--at %s in Berlin is %s', (text, instant) => {
  expect(parseAt(text, BERLIN)).toBe(instant);
});

test.each(['25:00', 'noon', '2026-13-01 00:00', '2026-02-28 00:00', ''])('--at "%s" is refused', (text) => {
  expect(() => parseAt(text, BERLIN)).toThrowError(/--at/);
});

test('values are JSON where they can be', () => {
  expect(parseInput(['a=1', 'b=true', 'c={"d":[null]}', 'e=plain text', 'f='])).toEqual({
    a: 1,
    b: true,
    c: { d: [null] },
    e: 'plain text',
    f: '',
  });
});

test('a number that would lose a digit is text: versions are often written so', () => {
  expect(parseInput(['a=1.10', 'b=007', 'c=1e3', 'd=1.2'])).toEqual({ a: '1.10', b: '007', c: '1e3', d: 1.2 });
});

test('a name that means something to JavaScript is a name like any other', () => {
  const input = parseInput(['__proto__=1']);

  expect(Object.keys(input)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
});

test('a key that is given twice is refused', () => {
  expect(() => parseInput(['a=1', 'a=2'])).toThrowError('"a" is given twice');
});
