/** Every slot of every schedule has one disposition, whatever happens to the controller, its clock and its configuration. */
import { describe, expect, test } from 'vitest';
import { derivedId } from '#kernel/ids.ts';
import type { TimeWindow } from '#schedule/rules.ts';
import { openKeeperStage, scheduleOf } from '#test/app/keeper-stage.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function window(hour: number, hours: number, more: Partial<TimeWindow> = {}): TimeWindow {
  return { hour, minute: 0, durationMs: hours * HOUR, timezone: 'UTC', weekdays: null, ...more };
}

describe('a schedule', () => {
  test('that ticks on time has a run for each slot, and nothing for what was before it', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());

    stage.live('2026-03-04T12:00');

    expect(stage.told()).toEqual([
      ['2026-03-02T03:00', 'ran', null],
      ['2026-03-03T03:00', 'ran', null],
      ['2026-03-04T03:00', 'ran', null],
    ]);
    expect(stage.fires()[0]).toMatchObject({
      run: derivedId('slot', 'backup.notes', String(Date.parse('2026-03-02T03:00Z'))),
      lateMs: 0,
    });
    expect(stage.runs().map(({ schedule }) => schedule)).toEqual(Array(3).fill('backup.notes'));
  });

  test('whose tick comes twice, or again after a restart, has one run', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());
    stage.live('2026-03-02T03:00');

    for (let i = 0; i < 3; i++) stage.keeper.tick('backup.notes', Date.parse('2026-03-02T03:00Z'));
    stage.boot(scheduleOf());
    stage.keeper.tick('backup.notes', Date.parse('2026-03-02T03:00Z'));

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'ran', null]]);
    expect(stage.runs()).toHaveLength(1);
  });

  test('whose tick is lost is found by the next look, as on time', async () => {
    await using stage = await openKeeperStage('2026-03-02T02:59');
    stage.boot(scheduleOf());

    stage.clock = Date.parse('2026-03-02T03:00:25Z');
    stage.keeper.sweep();

    expect(stage.fires()[0]).toMatchObject({ disposition: 'ran', lateMs: 25_000 });
  });

  test('that a person starts by hand has a run more, and its slots are untouched', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());

    stage.keeper.runNow('backup.notes', '17.1772366400000');
    stage.keeper.runNow('backup.notes', '17.1772366400000');
    stage.live('2026-03-02T12:00');

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'ran', null]]);
    expect(stage.runs()).toHaveLength(2);
  });

  test('whose run cannot be planned is told as missed, with the reason', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());
    stage.refuse = 'there is no workflow "backup"';

    stage.live('2026-03-02T12:00');

    expect(stage.fires()[0]).toMatchObject({
      disposition: 'missed',
      reason: 'no_plan',
      run: null,
      detail: 'no run could be planned: there is no workflow "backup"',
    });
  });
});

describe('a controller that was down', () => {
  const down = async (rules: Parameters<typeof scheduleOf>[0], until = '2026-03-05T10:00') => {
    const stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf(rules));
    stage.live('2026-03-02T12:00');
    stage.clock = Date.parse(`${until}Z`);
    stage.boot(scheduleOf(rules));
    stage.live('2026-03-06T12:00');
    return stage;
  };

  test('catches up the last slot, and tells of the others that they were missed and why', async () => {
    await using stage = await down({});

    expect(stage.told()).toEqual([
      ['2026-03-02T03:00', 'ran', null],
      ['2026-03-03T03:00', 'missed', 'controller_down'],
      ['2026-03-04T03:00', 'missed', 'controller_down'],
      ['2026-03-05T03:00', 'caught_up', 'controller_down'],
      ['2026-03-06T03:00', 'ran', null],
    ]);
    expect(stage.fires()[1]?.detail).toBe('the controller was not running; a later one stands for it');
    expect(stage.fires()[3]).toMatchObject({ detail: '7h late: the controller was not running', lateMs: 7 * HOUR });
  });

  test('catches up nothing with catch_up: none', async () => {
    await using stage = await down({ catchUp: 'none' });

    expect(stage.told().map(([, what]) => what)).toEqual(['ran', 'missed', 'missed', 'missed', 'ran']);
    expect(stage.runs()).toHaveLength(2);
  });

  test('catches up each slot with catch_up: all, but for those that are too old', async () => {
    await using stage = await down({ catchUp: 'all', catchUpWindowMs: 36 * HOUR });

    expect(stage.told().map(([, what]) => what)).toEqual(['ran', 'missed', 'caught_up', 'caught_up', 'ran']);
    expect(stage.fires()[1]?.detail).toContain('more than 1d12h ago (catch_up_window)');
  });

  test('catches up only when the window is open: the run waits for it', async () => {
    await using stage = await down({ cron: '0 3 * * mon', window: window(2, 4), jitterMs: 0 }, '2026-03-09T10:00');

    const [, monday] = stage.fires();
    expect(monday).toMatchObject({ slot: '2026-03-09T03:00:00.000Z', disposition: 'caught_up', lateMs: 23 * HOUR });
  });

  test('does not catch up what the next slot would overtake', async () => {
    await using stage = await down({ window: window(3, 2), jitterMs: 0 });

    expect(stage.fires()[3]).toMatchObject({ disposition: 'missed', reason: 'controller_down' });
    expect(stage.fires()[3]?.detail).toContain('before anything may start again the next one is due');
  });

  test('for less than a minute counts as on time', async () => {
    await using stage = await openKeeperStage('2026-03-02T02:59:50');
    stage.boot(scheduleOf({ catchUp: 'none' }));
    stage.clock = Date.parse('2026-03-02T03:00:40Z');

    stage.boot(scheduleOf({ catchUp: 'none' }));

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'ran', null]]);
  });

  test('with a schedule of every second gives each second its disposition', async () => {
    await using stage = await openKeeperStage('2026-03-02T00:00:00');
    const rules = { cron: '* * * * * *' };
    stage.boot(scheduleOf(rules));
    stage.clock += HOUR;

    stage.boot(scheduleOf(rules));

    const fires = stage.fires();
    expect(fires).toHaveLength(3_600);
    expect(new Set(fires.map(({ slot }) => slot)).size).toBe(3_600);
  });
});

describe('clocks and sleep', () => {
  test('a clock that is set forward over a slot leaves it caught up, and says so', async () => {
    await using stage = await openKeeperStage('2026-03-02T02:30');
    stage.boot(scheduleOf());
    stage.live('2026-03-02T02:45');
    stage.clock += HOUR;
    stage.live('2026-03-02T12:00');

    expect(stage.told()).toEqual([['2026-03-02T03:00', 'caught_up', 'asleep']]);
  });

  test('a clock that is set back over a slot runs it once', async () => {
    await using stage = await openKeeperStage('2026-03-02T02:30');
    stage.boot(scheduleOf());
    stage.live('2026-03-02T03:15');
    stage.clock -= HOUR;
    stage.live('2026-03-03T12:00');

    expect(stage.told()).toEqual([
      ['2026-03-02T03:00', 'ran', null],
      ['2026-03-03T03:00', 'ran', null],
    ]);
    expect(stage.runs()).toHaveLength(2);
  });

  test('a clock that was years ahead when the machine started does not silence the years between', async () => {
    await using stage = await openKeeperStage('2026-03-01T12:00');
    stage.boot(scheduleOf());
    stage.live('2026-03-02T12:00');
    stage.clock += 1_000 * DAY;
    stage.boot(scheduleOf());
    stage.clock -= 1_000 * DAY;
    stage.live('2026-03-04T12:00');

    expect(stage.told().slice(0, 3)).toEqual([
      ['2026-03-02T03:00', 'ran', null],
      ['2026-03-03T03:00', 'ran', null],
      ['2026-03-04T03:00', 'ran', null],
    ]);
  });

  test('a machine that slept over several slots catches up one', async () => {
    await using stage = await openKeeperStage('2026-03-02T00:00');
    stage.boot(scheduleOf({ cron: '0 * * * *' }));
    stage.live('2026-03-02T00:30');
    stage.clock = Date.parse('2026-03-02T03:30Z');
    stage.live('2026-03-02T04:30');

    expect(stage.told()).toEqual([
      ['2026-03-02T01:00', 'missed', 'asleep'],
      ['2026-03-02T02:00', 'missed', 'asleep'],
      ['2026-03-02T03:00', 'caught_up', 'asleep'],
      ['2026-03-02T04:00', 'ran', null],
    ]);
  });
});

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
