/** `runs retry --from`: what runs again, and what is taken over. */
import { describe, expect, test } from 'vitest';
import { reusable } from '#engine/retry.ts';
import type { StepState } from '#engine/run.ts';
import { guard, inSequence, sideBySide, step } from '#test/support/plans.ts';

const backup = guard(
  inSequence(
    step('preflight'),
    guard(inSequence(step('quiesce'), step('capture')), 'resume'),
    step('verify'),
    sideBySide(inSequence(step('copy-usb'), step('verify-usb')), inSequence(step('copy-vault'), step('verify-vault'))),
  ),
  'discard',
  { restart: false },
);

function states(succeeded: string[], failed: string[]): Map<string, StepState> {
  const entries = [
    ...succeeded.map((key) => [key, 'succeeded'] as const),
    ...failed.map((key) => [key, 'failed'] as const),
  ];
  return new Map(entries.map(([key, status]) => [key, { status, output: {}, error: null }]));
}

describe('retry', () => {
  const afterCopy = ['preflight', 'quiesce', 'capture', 'resume', 'verify', 'copy-usb', 'verify-usb', 'discard'];

  test('from a failed copy, the captured set and the other copy stand', () => {
    const { from, keys } = reusable(backup, states(afterCopy, ['copy-vault']), null);

    expect(from).toBe('copy-vault');
    expect(keys).toEqual(['preflight', 'quiesce', 'capture', 'resume', 'verify', 'copy-usb', 'verify-usb']);
  });

  test('from inside a bracket, the service is brought to rest again', () => {
    const { keys } = reusable(backup, states(['preflight', 'quiesce', 'resume', 'discard'], ['capture']), 'capture');

    expect(keys).toEqual(['preflight']);
  });

  test('what was undone is not taken over', () => {
    const root = inSequence(step('a', { undo: true }), step('b'));
    const known = states(['a', 'undo-a'], ['b']);

    expect(reusable(root, known, 'b').keys).toEqual([]);
  });

  test('an unknown step is answered with the nearest and all names', () => {
    expect(() => reusable(backup, states([], ['capture']), 'copy-valt')).toThrow(
      expect.objectContaining({ code: 'HA_NOT_FOUND', next: expect.stringContaining('Did you mean "copy-vault"?') }),
    );
  });

  test('a run in which nothing failed is not retried without a step', () => {
    const all = [...afterCopy, 'copy-vault', 'verify-vault'];

    expect(() => reusable(backup, states(all, []), null)).toThrow(expect.objectContaining({ code: 'HA_CONFLICT' }));
  });
});
