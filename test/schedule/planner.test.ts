/** Slots: when a run is to start, what spreads services, and what bars a slot. */
import { describe, expect, test } from 'vitest';
import { openPlanner, type Planner, type Slot } from '#schedule/planner.ts';
import { plainRules, type ScheduleRules, type TimeWindow } from '#schedule/rules.ts';
import { openSpan } from '#schedule/span.ts';

const HOUR = 3_600_000;
const at = (text: string) => Date.parse(`${text}Z`);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 19));

function planner(rules: Partial<ScheduleRules>, service = 'notes'): Planner {
  const place = { id: `backup.${service}`, workflow: 'backup', service, host: 'nas' };
  return openPlanner({ ...plainRules('0 3 * * *', 'UTC'), ...rules, ...place });
}

function window(start: number, hours: number, more: Partial<TimeWindow> = {}): TimeWindow {
  return { hour: start, minute: 0, durationMs: hours * HOUR, timezone: 'UTC', weekdays: null, ...more };
}

function slots(of: Planner, from: string, until: string): Slot[] {
  const found: Slot[] = [];
  for (
    let slot = of.after(at(from) - 1);
    slot !== undefined && slot.nominal < at(until);
    slot = of.after(slot.nominal)
  ) {
    found.push(slot);
  }
  return found;
}

describe('slots', () => {
  test('without jitter and window a run starts at its nominal instant', () => {
    const [slot] = slots(planner({}), '2026-03-01T00:00', '2026-03-02T00:00');

    expect(slot).toEqual({ nominal: at('2026-03-01T03:00'), due: at('2026-03-01T03:00'), barred: null });
  });

  test('every 6h is counted from the same instant for ever, whatever the clocks do', () => {
    const found = slots(
      planner({ cron: null, everyMs: 6 * HOUR, timezone: 'Europe/Berlin' }),
      '2026-03-28T20:00',
      '2026-03-29T14:00',
    );

    expect(found.map(({ nominal }) => iso(nominal))).toEqual([
      '2026-03-29T00:00:00',
      '2026-03-29T06:00:00',
      '2026-03-29T12:00:00',
    ]);
  });

  test('services of the same slot are spread over the jitter, each always at the same moment', () => {
    const starts = Array.from({ length: 200 }, (_, i) => {
      const [first, second] = slots(planner({ jitterMs: HOUR }, `s${i}`), '2026-03-01T00:00', '2026-03-03T00:00');
      expect((second?.due ?? 0) - (first?.due ?? 0)).toBe(24 * HOUR);
      return (first?.due ?? 0) - at('2026-03-01T03:00');
    });

    expect(Math.min(...starts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...starts)).toBeLessThan(HOUR);
    const quarters = [0, 1, 2, 3].map(
      (quarter) => starts.filter((ms) => Math.floor(ms / (HOUR / 4)) === quarter).length,
    );
    expect(Math.min(...quarters)).toBeGreaterThan(25);
  });

  test('with a window and no jitter they are spread over what is left of the window', () => {
    const rules = { window: window(2, 5) };
    const starts = Array.from({ length: 200 }, (_, i) => {
      const [slot] = slots(planner(rules, `s${i}`), '2026-03-01T00:00', '2026-03-02T00:00');
      return (slot?.due ?? 0) - at('2026-03-01T03:00');
    });

    expect(Math.max(...starts)).toBeGreaterThan(3 * HOUR);
    expect(Math.max(...starts)).toBeLessThan(4 * HOUR);
  });

  test('jitter 0s in a window means the nominal instant', () => {
    const [slot] = slots(planner({ window: window(2, 5), jitterMs: 0 }), '2026-03-01T00:00', '2026-03-02T00:00');

    expect(slot?.due).toBe(slot?.nominal);
  });

  test('nothing is spread into the next slot or into a blackout', () => {
    for (let i = 0; i < 50; i++) {
      const often = slots(
        planner({ cron: '*/10 * * * *', jitterMs: HOUR }, `s${i}`),
        '2026-03-01T00:00',
        '2026-03-01T02:00',
      );
      for (const [k, slot] of often.entries()) expect(slot.due).toBeLessThan(often[k + 1]?.nominal ?? Infinity);
      const [short] = slots(
        planner({ jitterMs: 6 * HOUR, blackouts: [window(4, 2)] }, `s${i}`),
        '2026-03-01T00:00',
        '2026-03-02T00:00',
      );
      expect(short?.due).toBeLessThan(at('2026-03-01T04:00'));
    }
  });

  test('a slot outside the window and a slot in a blackout are barred, with the reason', () => {
    const rules = { cron: '0 * * * *', window: window(22, 8), blackouts: [window(1, 1), window(4, 1)], jitterMs: 0 };

    const found = slots(planner(rules), '2026-03-01T20:00', '2026-03-02T08:00');

    const bars = found.map(({ nominal, barred }) => [new Date(nominal).getUTCHours(), barred]);
    expect(bars.filter(([, barred]) => barred === null).map(([hour]) => hour)).toEqual([22, 23, 0, 2, 3, 5]);
    expect(bars.filter(([, barred]) => barred === 'blackout').map(([hour]) => hour)).toEqual([1, 4]);
  });

  test('the slot that is due next is found although its nominal instant is past', () => {
    const spread = planner({ jitterMs: 12 * HOUR }, 'late-one');
    const [slot] = slots(spread, '2026-03-01T00:00', '2026-03-02T00:00');

    expect(spread.dueAfter(at('2026-03-01T03:00'))?.nominal).toBe(at('2026-03-01T03:00'));
    expect(spread.dueAfter(slot?.due ?? 0)?.nominal).toBe(at('2026-03-02T03:00'));
  });

  test('the first moment at which something may start is looked for through windows and blackouts', () => {
    const rules = { window: window(2, 4, { weekdays: [6, 0] }), blackouts: [window(2, 1)] };

    expect(iso(planner(rules).permittedFrom(at('2026-03-02T12:00')))).toBe('2026-03-07T03:00:00');
    expect(iso(planner(rules).permittedFrom(at('2026-03-07T04:10')))).toBe('2026-03-07T04:10:00');
    expect(
      planner({ window: window(2, 1), blackouts: [window(0, 24)] }).permittedFrom(at('2026-03-02T12:00')),
    ).toBeUndefined();
  });
});

describe('windows', () => {
  test('a window over midnight belongs to the day on which it begins', () => {
    const span = openSpan(window(22, 8, { weekdays: [5] }));

    expect(iso(span.endAt(at('2026-03-07T05:59')) ?? undefined)).toBe('2026-03-07T06:00:00');
    expect(span.endAt(at('2026-03-08T05:59'))).toBeNull();
    expect(iso(span.nextStart(at('2026-03-07T05:59')))).toBe('2026-03-13T22:00:00');
  });

  test('a window follows the clock of its own zone over a change of the clocks', () => {
    const span = openSpan(window(4, 3, { timezone: 'Europe/Berlin' }));

    expect(iso(span.nextStart(at('2026-03-28T12:00')))).toBe('2026-03-29T02:00:00');
    expect(iso(span.nextStart(at('2026-10-24T12:00')))).toBe('2026-10-25T03:00:00');
  });

  test('a window that begins at a time that does not exist begins when the clocks go on', () => {
    const span = openSpan({ ...window(2, 1, { timezone: 'Europe/Berlin' }), minute: 30 });

    expect(iso(span.nextStart(at('2026-03-28T12:00')))).toBe('2026-03-29T01:00:00');
    expect(iso(span.endAt(at('2026-03-29T01:30')) ?? undefined)).toBe('2026-03-29T02:00:00');
  });

  test('a weekend may be one blackout', () => {
    const span = openSpan(window(18, 60, { weekdays: [5] }));

    expect(iso(span.endAt(at('2026-03-09T05:59')) ?? undefined)).toBe('2026-03-09T06:00:00');
    expect(span.endAt(at('2026-03-09T06:00'))).toBeNull();
  });
});
