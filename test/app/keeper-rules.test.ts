/** What holds a slot back: the run before, a pause, a window, a host that is away, a changed configuration. */
import { describe, expect, test } from 'vitest';
import type { TimeWindow } from '#schedule/rules.ts';
import { openKeeperStage, scheduleOf } from '#test/app/keeper-stage.ts';

const HOUR = 3_600_000;

function window(hour: number, hours: number, more: Partial<TimeWindow> = {}): TimeWindow {
  return { hour, minute: 0, durationMs: hours * HOUR, timezone: 'UTC', weekdays: null, ...more };
}

describe('overlap', () => {
  const hourly = async (overlap: 'skip' | 'queue' | 'cancel_previous') => {
    const stage = await openKeeperStage('2026-03-02T00:30');
    stage.runMs = 90 * 60_000;
    stage.boot(scheduleOf({ cron: '0 * * * *', overlap }));
    stage.live('2026-03-02T04:30');
    return stage;
  };

  test('skip: a slot is skipped while the run before has not ended', async () => {
    await using stage = await hourly('skip');

    expect(stage.told().map(([, what, why]) => [what, why])).toEqual([
      ['ran', null],
      ['skipped', 'overlap'],
      ['ran', null],
      ['skipped', 'overlap'],
    ]);
  });

  test('queue: each slot has its run, which waits', async () => {
    await using stage = await hourly('queue');

    expect(stage.told().map(([, what]) => what)).toEqual(['ran', 'ran', 'ran', 'ran']);
    expect(stage.cancelled).toEqual([]);
  });

  test('cancel_previous: the run before is cancelled, but not one that a person asked for', async () => {
    await using stage = await hourly('cancel_previous');
    const [first, second, third] = stage.fires().map(({ run }) => run);
    expect(stage.cancelled).toEqual([first, second, third]);

    stage.cancelled.length = 0;
    stage.ledger.forget('backup.notes');
    stage.boot(scheduleOf({ cron: '0 * * * *', overlap: 'cancel_previous' }, 'notes'));
    stage.live('2026-03-02T04:59');

    expect(stage.cancelled).toEqual([]);
  });
});

describe('pause, windows and hosts', () => {
  test('a paused schedule skips its slots, also over a restart, until it is resumed', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());

    const { pausedAt } = stage.keeper.setPaused('backup.notes', true);
    stage.live('2026-03-02T12:00');
    stage.clock = Date.parse('2026-03-03T12:00Z');
    stage.boot(scheduleOf());
    stage.live('2026-03-04T12:00');
    const resumed = stage.keeper.setPaused('backup.notes', false);
    stage.live('2026-03-05T12:00');

    expect(pausedAt).toBe('2026-03-01T12:00:00.000Z');
    expect(resumed.pausedAt).toBeNull();
    expect(stage.told().map(([, what, why]) => [what, why])).toEqual([
      ['skipped', 'paused'],
      ['skipped', 'paused'],
      ['skipped', 'paused'],
      ['ran', null],
    ]);
  });

  test('a schedule that is not there cannot be paused, and the nearest is named', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());

    expect(() => stage.keeper.setPaused('backup.note', true)).toThrow('there is no schedule "backup.note"');
  });

  test('slots outside the window and in a blackout are skipped with that reason', async () => {
    await using stage = await openKeeperStage('2026-03-02T00:30');
    stage.boot(scheduleOf({ cron: '0 * * * *', window: window(2, 4), blackouts: [window(3, 1)], jitterMs: 0 }));

    stage.live('2026-03-02T07:30');

    expect(stage.told().map(([, what, why]) => why ?? what)).toEqual([
      'outside_window',
      'ran',
      'blackout',
      'ran',
      'ran',
      'outside_window',
      'outside_window',
    ]);
  });

  test('a slot waits for its host as long as it may be caught up', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.away.set('nas', stage.clock);
    stage.boot(scheduleOf());

    stage.live('2026-03-03T12:00');
    expect(stage.told()).toEqual([['2026-03-02T03:00', 'skipped', 'host_away']]);
    stage.away.clear();
    stage.live('2026-03-03T12:01');

    expect(stage.told().slice(1)).toEqual([['2026-03-03T03:00', 'caught_up', 'host_away']]);
    expect(stage.fires()[1]?.detail).toMatch(/^9h\w* late: no worker was there for its host$/);
  });

  test('with catch_up: none a slot whose host is away is skipped at once', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.away.set('nas', stage.clock);
    stage.boot(scheduleOf({ catchUp: 'none' }));

    stage.live('2026-03-02T03:01');

    expect(stage.fires()[0]).toMatchObject({ reason: 'host_away', detail: 'no worker was there for host nas' });
  });

  test('what was due while the controller was down waits until the worker beside it has started', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());
    stage.live('2026-03-01T12:01');
    stage.clock = Date.parse('2026-03-02T12:00Z');
    stage.away.set('nas', stage.clock);
    stage.boot(scheduleOf());
    expect(stage.keeper.waits()).toBe(true);
    stage.away.clear();
    stage.live('2026-03-02T12:01');

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'caught_up', 'controller_down']]);
    expect(stage.keeper.waits()).toBe(false);
  });

  test('a slot that waits for its host keeps its reason over a restart of the controller', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.away.set('nas', stage.clock);
    stage.boot(scheduleOf());
    stage.live('2026-03-02T04:00');
    stage.boot(scheduleOf());
    stage.away.clear();
    stage.live('2026-03-02T04:01');

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'caught_up', 'host_away']]);
  });

  test('a host that has just gone is asked all the same: it may be starting again', async () => {
    await using stage = await openKeeperStage('2026-03-02T02:59:30');
    stage.boot(scheduleOf());
    stage.away.set('nas', stage.clock);

    stage.live('2026-03-02T03:00');

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'ran', null]]);
  });
});

describe('a changed configuration', () => {
  test('accounts for the old slots up to the change, and for the new ones from then on', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());
    stage.live('2026-03-02T12:00');
    stage.clock = Date.parse('2026-03-03T12:00Z');

    stage.boot(scheduleOf({ cron: '0 5 * * *' }));
    stage.live('2026-03-04T12:00');

    expect(stage.told()).toEqual([
      ['2026-03-02T03:00', 'ran', null],
      ['2026-03-03T03:00', 'caught_up', 'controller_down'],
      ['2026-03-04T05:00', 'ran', null],
    ]);
  });

  test('a service that was removed ends with what it missed, and may come back', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf(), scheduleOf({}, 'wiki'));
    stage.live('2026-03-02T12:00');
    stage.clock = Date.parse('2026-03-03T12:00Z');

    stage.boot(scheduleOf({}, 'wiki'));
    stage.keeper.tick('backup.notes', stage.clock);
    stage.live('2026-03-05T12:00');
    stage.boot(scheduleOf(), scheduleOf({}, 'wiki'));
    stage.live('2026-03-06T12:00');

    expect(stage.told('backup.notes')).toEqual([
      ['2026-03-02T03:00', 'ran', null],
      ['2026-03-03T03:00', 'missed', 'removed'],
      ['2026-03-06T03:00', 'ran', null],
    ]);
    expect(stage.told('backup.wiki')).toHaveLength(5);
  });
});
