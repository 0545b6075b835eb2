/** What was seen at the destinations, joined with what was noted in the state file. */
import { expect, test } from 'vitest';
import { joined } from '#app/backup-listing.ts';
import type { RestorePointView } from '#engine/requests.ts';
import type { SetSummary } from '#sdk/kinds/destination.ts';

const MADE = '2026-03-01T02:00:00.000Z';
const VERIFIED = '2026-03-01T02:10:00.000Z';

function seen(id: string, more: Partial<SetSummary> = {}): SetSummary {
  const facts = { service: 'notes', host: 'nas', run: 'r', createdAt: MADE, sizeBytes: 10, contentBytes: 20, files: 1 };
  return { id, ...facts, verifiedAt: VERIFIED, pinned: false, purpose: 'backup', ...more };
}

function noted(id: string, copies: RestorePointView['copies']): RestorePointView {
  const facts = { service: 'notes', host: 'nas', createdAt: MADE, sizeBytes: 10, files: 1, pinned: false };
  const purpose = 'backup' as const;
  return { id, ...facts, verifiedAt: VERIFIED, purpose, copies, lastDrill: null };
}

test('a copy that was noted and is gone is missing, and the restore point is verified no more', () => {
  const copies = [{ destination: 'usb', host: 'nas', status: 'verified' as const, verifiedAt: VERIFIED }];

  const points = joined([{ destination: 'usb', sets: [], unreadable: [] }], [noted('p9f4', copies)], 'nas');

  expect(points).toMatchObject([{ id: 'p9f4', verifiedAt: null, copies: [{ destination: 'usb', status: 'missing' }] }]);
});

test('a copy that lies there and cannot be read is damaged, not missing', () => {
  const copies = [{ destination: 'usb', host: 'nas', status: 'verified' as const, verifiedAt: VERIFIED }];
  const unreadable = ['/mnt/usb/notes/p9f4', '/mnt/usb/notes/other'];

  const points = joined([{ destination: 'usb', sets: [], unreadable }], [noted('p9f4', copies)], 'nas');

  expect(points).toMatchObject([{ verifiedAt: null, copies: [{ destination: 'usb', status: 'damaged' }] }]);
});

test('a copy at a destination that could not be listed stands as it was noted', () => {
  const copies = [{ destination: 'vault', host: 'nas', status: 'verified' as const, verifiedAt: VERIFIED }];

  const points = joined([{ destination: 'usb', sets: [], unreadable: [] }], [noted('p9f4', copies)], 'nas');

  expect(points[0]?.copies).toEqual(copies);
});

test('copies of other hosts are listed beside those that were seen here', () => {
  const copies = [
    { destination: 'usb', host: 'docker-1', status: 'verified' as const, verifiedAt: VERIFIED },
    { destination: 'vault', host: 'docker-1', status: 'unverified' as const, verifiedAt: null },
  ];

  const points = joined(
    [{ destination: 'vault', sets: [seen('p9f4')], unreadable: [] }],
    [noted('p9f4', copies)],
    'nas',
  );

  expect(points[0]?.copies).toEqual([
    { destination: 'usb', host: 'docker-1', status: 'verified', verifiedAt: VERIFIED },
    { destination: 'vault', host: 'nas', status: 'verified', verifiedAt: VERIFIED },
  ]);
});

test('without a state file the destinations alone tell all, newest first', () => {
  const found = [
    {
      destination: 'usb',
      sets: [seen('p9f4'), seen('p9g0', { createdAt: '2026-03-02T02:00:00.000Z', verifiedAt: null })],
      unreadable: [],
    },
    { destination: 'vault', sets: [seen('p9f4', { pinned: true })], unreadable: [] },
  ];

  const points = joined(found, [], 'nas');

  expect(points.map(({ id, pinned, copies }) => [id, pinned, copies.length])).toEqual([
    ['p9g0', false, 1],
    ['p9f4', true, 2],
  ]);
});
