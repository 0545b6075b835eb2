/** Any year that a controller may live through leaves a ledger without gaps and without doubles. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openPlanner } from '#schedule/planner.ts';
import type { Schedule, TimeWindow } from '#schedule/rules.ts';
import { type KeeperStage, openKeeperStage, scheduleOf } from '#test/app/keeper-stage.ts';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const START = '2026-01-01T00:00';

const night: TimeWindow = { hour: 1, minute: 0, durationMs: 5 * HOUR, timezone: 'Europe/Berlin', weekdays: null };
const weekend: TimeWindow = { ...night, hour: 12, durationMs: 30 * HOUR, weekdays: [6] };

/** What the configuration may say of the two services, one version after the other. */
const VERSIONS: readonly (readonly Schedule[])[] = [
  [
    scheduleOf({ timezone: 'Europe/Berlin', cron: '30 2 * * *' }),
    scheduleOf({ cron: null, everyMs: 6 * HOUR, overlap: 'queue' }, 'wiki', 'attic'),
  ],
  [
    scheduleOf({ timezone: 'Europe/Berlin', cron: '0 */4 * * *', window: night, blackouts: [weekend], catchUp: 'all' }),
    scheduleOf({ cron: null, everyMs: 8 * HOUR, jitterMs: HOUR, catchUp: 'none' }, 'wiki', 'attic'),
  ],
  [scheduleOf({ timezone: 'America/New_York', cron: '15 1,13 * * *', overlap: 'cancel_previous', jitterMs: 2 * HOUR })],
  [],
];

type Event =
  | { is: 'live' | 'down' | 'sleep' | 'jump' | 'back'; hours: number }
  | { is: 'pause' | 'resume'; index: number }
  | { is: 'boot'; version: number; hours: number }
  | { is: 'host' | 'tick' | 'slow' };

const hours = (max: number) => fc.integer({ min: 1, max });
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ is: fc.constant('live' as const), hours: hours(240) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('down' as const), hours: hours(72) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constantFrom('sleep' as const, 'jump' as const), hours: hours(12) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constantFrom('jump' as const, 'back' as const), hours: hours(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constantFrom('pause' as const, 'resume' as const), index: fc.nat(1) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant('boot' as const), version: fc.nat(VERSIONS.length - 1), hours: fc.nat(24) }),
  },
  { weight: 3, arbitrary: fc.record({ is: fc.constantFrom('host' as const, 'tick' as const, 'slow' as const) }) },
);

/** A schedule as it was in force: from an instant (exclusive) until another. */
interface Life {
  schedule: Schedule;
  from: number;
  to: number;
}

/** Lets it all happen. @returns the lives of the schedules. */
function happen(stage: KeeperStage, events: readonly Event[]): Life[] {
  let current: readonly Schedule[] = [];
  const lives: Life[] = [];
  const open = new Map<string, Life>();
  const boot = (version: readonly Schedule[]) => {
    for (const [id, life] of open) {
      if (version.some((schedule) => schedule.id === id && schedule === life.schedule)) continue;
      lives.push({ ...life, to: stage.clock });
      open.delete(id);
    }
    for (const schedule of version) {
      if (!open.has(schedule.id)) open.set(schedule.id, { schedule, from: stage.clock, to: 0 });
    }
    current = version;
    stage.boot(...version);
  };
  const setBack = (ms: number) => {
    stage.clock -= ms;
    for (const life of open.values()) life.from = Math.min(life.from, stage.clock);
    stage.keeper.sweep();
  };
  boot(VERSIONS[0] ?? []);
  for (const one of events) act(stage, one, { current, boot, setBack });
  stage.away.clear();
  stage.live(Math.max(stage.clock + 24 * HOUR, Date.parse(`${START}Z`) + YEAR), 6 * HOUR);
  for (const life of open.values()) lives.push({ ...life, to: stage.clock });
  return lives;
}

interface Hands {
  current: readonly Schedule[];
  boot(version: readonly Schedule[]): void;
  setBack(ms: number): void;
}

function act(stage: KeeperStage, one: Event, { current, boot, setBack }: Hands): void {
  switch (one.is) {
    case 'live':
      return stage.live(stage.clock + one.hours * HOUR, HOUR);
    case 'down':
      stage.clock += one.hours * HOUR;
      return boot(current);
    case 'sleep':
    case 'jump':
      stage.clock += one.hours * HOUR;
      return stage.keeper.sweep();
    case 'back':
      return setBack(one.hours * HOUR);
    case 'boot':
      stage.clock += one.hours * HOUR;
      return boot(VERSIONS[one.version] ?? []);
    case 'pause':
    case 'resume': {
      const schedule = current[one.index];
      if (schedule !== undefined) stage.keeper.setPaused(schedule.id, one.is === 'pause');
      return;
    }
    case 'host':
      if (stage.away.has('attic')) stage.away.delete('attic');
      else stage.away.set('attic', stage.clock);
      return;
    case 'tick':
      for (const { id } of current) stage.keeper.tick(id, stage.clock);
      return;
    case 'slow':
      stage.runMs = stage.runMs === 10 * HOUR ? HOUR / 6 : 10 * HOUR;
  }
}

test('every slot of a year has exactly one disposition, whatever happens in it', { timeout: 300_000 }, async () => {
  let slots = 0;
  const seen = new Set<string>();

  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 60 }), async (events) => {
      await using stage = await openKeeperStage(START);
      const lives = happen(stage, events);

      const fires = stage.fires();
      const given = new Set(fires.map(({ schedule, slot }) => `${schedule} ${slot}`));
      const missing: string[] = [];
      const due = new Set<string>();
      for (const { schedule, from, to } of lives) {
        const planner = openPlanner(schedule);
        for (let slot = planner.after(from); slot !== undefined && slot.due <= to; slot = planner.after(slot.nominal)) {
          const key = `${schedule.id} ${new Date(slot.nominal).toISOString()}`;
          due.add(key);
          if (!given.has(key)) missing.push(key);
        }
      }
      const runs = new Set(stage.runs().map(({ id }) => id));
      // A clock that was set back leaves what ran before it, and nothing else that is not due.
      const strange = fires.filter(({ schedule, slot, run }) => run === null && !due.has(`${schedule} ${slot}`));
      const lost = fires.filter(({ run }) => run !== null && !runs.has(run));
      slots += due.size;
      for (const { disposition, reason } of fires) seen.add(reason ?? disposition);

      expect(missing).toEqual([]);
      expect(given.size).toBe(fires.length);
      expect(strange).toEqual([]);
      expect(lost).toEqual([]);
      expect(runs.size).toBe(fires.filter(({ run }) => run !== null).length);
    }),
    { numRuns: 8, seed: 5 },
  );

  expect(slots).toBeGreaterThan(10_000);
  const all = ['ran', 'overlap', 'paused', 'blackout', 'outside_window', 'host_away', 'controller_down', 'asleep'];
  expect([...seen]).toEqual(expect.arrayContaining([...all, 'removed']));
});
