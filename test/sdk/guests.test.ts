/** Names of guests and snapshots: which are let through, and which snapshot is ours. */
import { expect, test } from 'vitest';
import { GuestId, runOfNote, SnapshotLabel, snapshotNote } from '#sdk/guests.ts';

test.each(['104', 'notes', 'win 11', 'büro', 'vm-12', 'b2a1:9f', 'x'.repeat(128)])('%j is a guest', (id) => {
  expect(GuestId.parse(id)).toBe(id);
});

test.each([
  '',
  '-a',
  '--all',
  '-oProxyCommand=x',
  '.',
  '..',
  '../x',
  'a/b',
  'a\\b',
  'a\nb',
  'a\u0000',
  'a\u001b[2J',
  'a\u202eb',
  ' a',
  'a ',
  'x'.repeat(129),
])('%j is no guest', (id) => {
  expect(GuestId.safeParse(id).success).toBe(false);
});

test.each(['--atomic', 'current;ls', 'A', 'a', 'a b', `a${'b'.repeat(40)}`, 'a\n'])('%j is no label', (label) => {
  expect(SnapshotLabel.safeParse(label).success).toBe(false);
});

test('a note tells which run made the snapshot, and only for the snapshot that it was written for', () => {
  const note = snapshotNote({ run: 'b7k2', label: 'autopilot-x1' });

  expect(runOfNote(note, 'autopilot-x1')).toBe('b7k2');
  expect(runOfNote(`${note}\n`, 'autopilot-x1')).toBe('b7k2');
  expect(runOfNote(note, 'autopilot-x2')).toBeNull();
  expect(runOfNote('before the upgrade', 'autopilot-x1')).toBeNull();
  expect(runOfNote(`copied from ${note}`, 'autopilot-x1')).toBeNull();
});
