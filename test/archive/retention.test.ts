/** Retention keeps what `restic forget` keeps, and never removes what no rule may remove. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideRetention } from '#archive/retention.ts';
import { Retention } from '#sdk/retention.ts';

function setAt(createdAt: string, extra: { verifiedAt?: string | null; pinned?: boolean } = {}) {
  return { id: `set-${createdAt}`, createdAt, verifiedAt: null, pinned: false, purpose: 'backup' as const, ...extra };
}

function kept(times: string[], policy: Partial<Retention>): string[] {
  const decisions = decideRetention(
    times.map((time) => setAt(time)),
    Retention.parse({ min_keep: 0, ...policy }),
  );
  return decisions.filter(({ keep }) => keep).map(({ set }) => set.createdAt);
}

const DAYS = [
  '2026-01-01T10:00:00Z',
  '2026-01-01T12:00:00Z',
  '2026-01-01T14:00:00Z',
  '2026-01-03T09:00:00Z',
  '2026-01-03T20:00:00Z',
];

test('keep_daily keeps the newest set of each of the last days that have one', () => {
  expect(kept(DAYS, { keep_daily: 7 })).toEqual(['2026-01-03T20:00:00Z', '2026-01-01T14:00:00Z']);
  expect(kept(DAYS, { keep_daily: 1 })).toEqual(['2026-01-03T20:00:00Z']);
});

test('keep_last keeps the newest sets, and a set is kept when any rule keeps it', () => {
  expect(kept(DAYS, { keep_last: 2 })).toEqual(['2026-01-03T20:00:00Z', '2026-01-03T09:00:00Z']);
  expect(kept(DAYS, { keep_last: 2, keep_daily: 2 })).toHaveLength(3);
});

test('keep_within counts from the newest set', () => {
  const twoDays = 2 * 86_400_000;

  expect(kept(DAYS, { keep_within_ms: twoDays })).toEqual(['2026-01-03T20:00:00Z', '2026-01-03T09:00:00Z']);
});

test('without any rule everything is kept', () => {
  expect(kept(DAYS, {})).toHaveLength(5);
  expect(kept(DAYS, { keep_daily: 0 })).toHaveLength(5);
});

test('weeks begin on Monday and belong to the year of their Thursday', () => {
  const times = ['2027-01-04T12:00:00Z', '2027-01-03T12:00:00Z', '2026-12-28T12:00:00Z', '2026-12-27T12:00:00Z'];

  expect(kept(times, { keep_weekly: 10 })).toEqual([
    '2027-01-04T12:00:00Z',
    '2027-01-03T12:00:00Z',
    '2026-12-27T12:00:00Z',
  ]);
});

test('days are those of the time zone', () => {
  const times = ['2026-06-01T21:30:00Z', '2026-06-01T22:30:00Z'];

  expect(kept(times, { keep_daily: 2, timezone: 'UTC' })).toHaveLength(1);
  expect(kept(times, { keep_daily: 2, timezone: 'Europe/Berlin' })).toHaveLength(2);
});

test('a pinned set, the newest verified one and min_keep stay whatever the rules say', () => {
  const sets = [
    setAt('2026-01-01T00:00:00Z', { pinned: true }),
    setAt('2026-01-02T00:00:00Z', { verifiedAt: '2026-01-02T00:00:00Z' }),
    setAt('2026-01-03T00:00:00Z', { verifiedAt: '2026-01-03T00:00:00Z' }),
    setAt('2026-01-04T00:00:00Z'),
    setAt('2026-01-05T00:00:00Z'),
  ];

  const decisions = decideRetention(sets, Retention.parse({ keep_last: 1, min_keep: 4 }));

  expect(decisions.map(({ keep, reasons }) => [keep, ...reasons])).toEqual([
    [true, 'keep_last 1'],
    [true, 'min_keep 4'],
    [true, 'the newest verified set'],
    [false, 'no rule keeps it'],
    [true, 'pinned'],
  ]);
});

test('what a rollback replaced takes no backup’s place, and goes a week later', () => {
  const aside = (createdAt: string) => ({ ...setAt(createdAt), purpose: 'before-rollback' as const });
  const sets = [
    aside('2026-01-01T00:00:00Z'),
    setAt('2026-01-02T00:00:00Z'),
    aside('2026-01-09T00:00:00Z'),
    setAt('2026-01-10T00:00:00Z'),
  ];

  const decisions = decideRetention(sets, Retention.parse({ keep_last: 2, min_keep: 0 }));

  expect(decisions.map(({ set, keep }) => [set.createdAt.slice(8, 10), keep])).toEqual([
    ['10', true],
    ['09', true],
    ['02', true],
    ['01', false],
  ]);
});

const candidates = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^[a-z]{4}[0-9a-z]{6}$/),
    createdAt: fc.integer({ min: 0, max: 900 * 86_400 }).map((at) => new Date(1.75e12 + at * 1000).toISOString()),
    verifiedAt: fc.option(fc.constant('2026-01-01T00:00:00.000Z')),
    pinned: fc.boolean(),
    purpose: fc.constantFrom('backup' as const, 'backup' as const, 'before-rollback' as const),
  }),
  { selector: ({ id }) => id, maxLength: 40 },
);
const count = fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined });
const policies = fc
  .record({
    keep_last: count,
    keep_hourly: count,
    keep_daily: count,
    keep_weekly: count,
    keep_monthly: count,
    keep_yearly: count,
    keep_within_ms: fc.option(fc.integer({ min: 0, max: 9e9 }), { nil: undefined }),
    min_keep: fc.integer({ min: 0, max: 5 }),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Chatham'),
  })
  .map((written) => Retention.parse(JSON.parse(JSON.stringify(written))));

test('whatever the sets and rules are, the promises hold', () => {
  fc.assert(
    fc.property(candidates, policies, (sets, policy) => {
      const decisions = decideRetention(sets, policy);
      const removed = decisions.filter(({ keep }) => !keep).map(({ set }) => set);
      const backups = sets.filter(({ purpose }) => purpose === 'backup');
      const lost = removed.filter(({ purpose }) => purpose === 'backup');
      const verified = decisions.filter(({ set }) => set.verifiedAt !== null && set.purpose === 'backup');
      const newestVerified = verified[0]?.set;

      expect(decisions.map(({ set }) => set.id).sort()).toEqual(sets.map(({ id }) => id).sort());
      expect(removed.some(({ pinned }) => pinned)).toBe(false);
      expect(removed).not.toContain(newestVerified);
      expect(backups.length - lost.length).toBeGreaterThanOrEqual(Math.min(policy.min_keep, backups.length));
      expect(decisions.every(({ reasons }) => reasons.length > 0)).toBe(true);
    }),
  );
});

test('what one retention leaves, the same one leaves again', () => {
  fc.assert(
    fc.property(candidates, policies, (sets, policy) => {
      const left = decideRetention(sets, policy).filter(({ keep }) => keep);

      const again = decideRetention(
        left.map(({ set }) => set),
        policy,
      );

      expect(again.every(({ keep }) => keep)).toBe(true);
    }),
  );
});
