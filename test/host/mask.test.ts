/** Secrets: no spelling of a known one gets through. */

import { assert, pre, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMasker } from '#host/mask.ts';
import { AutopilotError } from '#kernel/errors.ts';

const SECRET = 'pa"ss\\wo/rd &+ü1';

describe('a known secret is masked', () => {
  const spellings = {
    'as it is': SECRET,
    'in JSON': JSON.stringify({ password: SECRET }),
    'in a URL': `https://x/?p=${encodeURIComponent(SECRET)}`,
    'in a form': new URLSearchParams({ p: SECRET }).toString(),
    'in base64': Buffer.from(SECRET).toString('base64'),
    'in base64 for URLs': Buffer.from(SECRET).toString('base64url'),
    'in basic authentication': `Basic ${Buffer.from(`me:${SECRET}`).toString('base64')}`,
  };

  test.each(Object.entries(spellings))('%s', (_, text) => {
    const masker = createMasker();
    masker.add(SECRET);

    const masked = masker.text(`before ${text} after`);

    expect(masked).toMatch(/^before .*\*\*\*.* after$/);
    expect(Buffer.from(masked.split(' ')[2] ?? '', 'base64').toString()).not.toContain(SECRET);
  });

  test('wherever in a base64 text it begins and whatever is around it', () => {
    assert(
      property(string(), string({ minLength: 6, unit: 'grapheme-ascii' }), string(), (before, secret, after) => {
        pre(secret.trim() === secret);
        const masker = createMasker();
        masker.add(secret);
        const encoded = Buffer.from(before + secret + after).toString('base64');

        expect(masker.text(encoded)).not.toBe(encoded);
      }),
    );
  });

  test('at every depth of an object, and in its keys', () => {
    const masker = createMasker();
    masker.add('hunter22');

    const masked = masker.value({ a: ['x hunter22', { hunter22: 1 }], b: new Error('no hunter22'), n: 5, u: null });

    expect(masked).toEqual({ a: ['x ***', { '***': 1 }], b: 'no ***', n: 5, u: null });
  });

  test('in an error, its advice included, and what caused it is dropped', () => {
    const masker = createMasker();
    masker.add('hunter22');
    const cause = new Error('hunter22');

    const masked = masker.error(new AutopilotError('HA_COMMAND_FAILED', 'x hunter22', { next: 'try hunter22', cause }));

    expect(masked).toMatchObject({ code: 'HA_COMMAND_FAILED', message: 'x ***', next: 'try ***' });
    expect(masked.cause).toBeUndefined();
  });

  test('line by line, as the log shows a private key', () => {
    const masker = createMasker();
    masker.add('-----BEGIN-----\nabcdefghijkl\n-----END-----\n');

    expect(masker.text('read abcdefghijkl')).toBe('read ***');
  });

  test('as a whole when another secret is a part of it', () => {
    const masker = createMasker();
    masker.add('abcd');
    masker.add('abcdefgh');

    expect(masker.text('abcdefgh')).toBe('***');
  });
});

test('a very short secret is left, because masking it would make every message unreadable', () => {
  const masker = createMasker();
  masker.add('1');
  masker.add('');

  expect(masker.text('10 of 11 files')).toBe('10 of 11 files');
});
