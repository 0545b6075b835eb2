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
    expect(stage.missed).toEqual([]);
    expect(stage.fires()[3]).toMatchObject({ detail: '7h late: the controller was not running', lateMs: 7 * HOUR });
  });

  test('catches up nothing with catch_up: none', async () => {
    await using stage = await down({ catchUp: 'none' });

    expect(stage.told().map(([, what]) => what)).toEqual(['ran', 'missed', 'missed', 'missed', 'ran']);
    expect(stage.runs()).toHaveLength(2);
    expect(stage.missed).toEqual(['2026-03-03T03:00', '2026-03-04T03:00', '2026-03-05T03:00']);
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
