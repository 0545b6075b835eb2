/** Who is told of what, and when: routes, quiet hours and the cooldown, with a clock that the test turns. */
import { describe, expect, test } from 'vitest';
import { decide, type Policy } from '#notify/decide.ts';
import { quietUntil } from '#notify/quiet-hours.ts';
import { type Route, recipientsOf } from '#notify/routes.ts';
import { matchesEvent } from '#sdk/events.ts';

const ZONE = 'Europe/Berlin';
const NIGHT = { hour: 22, minute: 0, durationMs: 9 * 3_600_000 };

function route(more: Partial<Route>): Route {
  return { events: ['*'], services: null, channels: ['mail'], quietHours: null, ...more };
}

describe('a pattern of events', () => {
  test.each([
    ['backup_failed', 'backup_failed', true],
    ['*_failed', 'backup_failed', true],
    ['backup_*', 'backup_failed', true],
    ['*', 'needs_attention', true],
    ['b*_f*d', 'backup_failed', true],
    ['*_failed', 'backup_success', false],
    ['backup', 'backup_failed', false],
    ['ab*ba', 'aba', false],
    ['*failed*failed', 'backup_failed', false],
  ])('%s on %s is %s', (pattern, event, expected) => {
    expect(matchesEvent(pattern, event)).toBe(expected);
  });
});

describe('routes', () => {
  const at = { now: new Date('2026-06-01T12:00:00Z'), timezone: ZONE };
  const told = (routes: Route[], event = 'backup_failed', service = 'notes') =>
    recipientsOf({ event, service }, routes, at).map(({ channel }) => channel);

  test('send an event to each channel once, however many of them name it', () => {
    const routes = [route({ channels: ['mail', 'chat'] }), route({ events: ['*_failed'], channels: ['mail'] })];

    expect(told(routes)).toEqual(['mail', 'chat']);
  });

  test('may be for some events and some services alone', () => {
    const routes = [route({ events: ['*_success'], channels: ['chat'] }), route({ services: ['photos'] })];

    expect(told(routes)).toEqual([]);
    expect(told(routes, 'backup_success', 'photos')).toEqual(['chat', 'mail']);
  });

  test('disturb a quiet channel when another route says at once', () => {
    const now = new Date('2026-06-01T23:00:00Z');
    const routes = [route({ quietHours: NIGHT }), route({ events: ['needs_attention'] })];
    const when = (event: string) => recipientsOf({ event, service: 'notes' }, routes, { now, timezone: ZONE });

    expect(when('needs_attention')).toEqual([{ channel: 'mail', quietUntil: null }]);
    expect(when('backup_failed')).toEqual([{ channel: 'mail', quietUntil: new Date('2026-06-02T05:00:00Z') }]);
  });
});

describe('quiet hours', () => {
  test.each([
    ['before they begin', '2026-06-01T19:59:59Z', null],
    ['at their first instant', '2026-06-01T20:00:00Z', '2026-06-02T05:00:00Z'],
    ['after midnight', '2026-06-02T03:00:00Z', '2026-06-02T05:00:00Z'],
    ['at their end', '2026-06-02T05:00:00Z', null],
    ['in the night in which clocks go forward', '2026-03-29T00:30:00Z', '2026-03-29T06:00:00Z'],
    ['in the night in which clocks go back', '2026-10-25T02:00:00Z', '2026-10-25T05:00:00Z'],
  ])('%s', (_, now, until) => {
    expect(quietUntil(NIGHT, new Date(now), ZONE)).toEqual(until === null ? null : new Date(until));
  });
});

describe('the cooldown', () => {
  const policy: Policy = { routes: [route({})], cooldownMs: 1_800_000, timezone: ZONE };
  const at = new Date('2026-06-01T12:00:00Z');
  const happened = { event: 'backup_failed', service: 'notes', at };
  const ago = (minutes: number) => new Date(at.getTime() - minutes * 60_000).toISOString();

  test('lets the first message through', () => {
    const verdicts = decide(happened, policy, () => ({ at: null, held: 0 }));

    expect(verdicts).toEqual([{ channel: 'mail', as: 'waiting', dueAt: at, held: 0, since: null }]);
  });

  test('holds back what comes too soon after the last', () => {
    const verdicts = decide(happened, policy, () => ({ at: ago(29), held: 3 }));

    expect(verdicts).toEqual([{ channel: 'mail', as: 'held' }]);
  });

  test('is over after its time, and the next message counts what was held back', () => {
    const verdicts = decide(happened, policy, () => ({ at: ago(30), held: 3 }));

    expect(verdicts).toMatchObject([{ as: 'waiting', held: 3, since: ago(30) }]);
  });

  test('holds back nothing in quiet hours, which end in one message anyway', () => {
    const quiet = { ...policy, routes: [route({ quietHours: { hour: 13, minute: 0, durationMs: 7_200_000 } })] };

    const verdicts = decide(happened, quiet, () => ({ at: ago(1), held: 0 }));

    expect(verdicts).toMatchObject([{ as: 'quiet', dueAt: new Date('2026-06-01T13:00:00Z') }]);
  });
});
