/** Services that depend on each other, on one schedule: what others need goes first, whatever ticks first. */
import { expect, test } from 'vitest';
import type { Schedule } from '#schedule/rules.ts';
import { openKeeperStage, scheduleOf } from '#test/app/keeper-stage.ts';

const SLOT = '2026-03-02T03:00';

async function stageOf(...schedules: Schedule[]) {
  const stage = await openKeeperStage('2026-03-01T12:00');
  stage.needs.set('shop', ['db']);
  stage.boot(...schedules);
  return stage;
}

test('of one slot, a service begins after what it depends on, although its tick comes first', async () => {
  await using stage = await stageOf(scheduleOf({}, 'shop'), scheduleOf({}, 'db'), scheduleOf({}, 'notes'));

  stage.live(SLOT);

  expect(stage.admit().toSorted()).toEqual(['db', 'notes']);
  expect(stage.admit()).toEqual([]);
  stage.live('2026-03-02T03:11');
  expect(stage.runs().find(({ schedule }) => schedule === 'backup.db')?.status).toBe('succeeded');
});

test('where slots are spread, a service waits also for what comes later in the same slot', async () => {
  const spread = (service: string) => scheduleOf({ jitterMs: 3_600_000 }, service);
  const names = ['db', 'cache', 'proxy', 'mail', 'dns'];
  await using stage = await openKeeperStage('2026-03-01T12:00');
  stage.needs.set('shop', names);
  stage.boot(spread('shop'), ...names.map(spread));
  stage.runMs = 1_000_000_000;
  const begun: string[] = [];

  for (let minute = 0; minute <= 65; minute++) {
    stage.live(Date.parse(`${SLOT}Z`) + minute * 60_000);
    begun.push(...stage.admit());
  }

  expect(begun.toSorted()).toEqual(names.toSorted());
});

test('a service is not held back by one that it depends on when that has no run in this slot', async () => {
  await using stage = await stageOf(scheduleOf({}, 'shop'), scheduleOf({}, 'db'));
  stage.keeper.setPaused('backup.db', true);

  stage.live(SLOT);

  expect(stage.admit()).toEqual(['shop']);
});
