/** The clock in Redis: it ticks when something is due, and no start of a controller makes it forget a tick. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connectRedis } from '#queue/connection.ts';
import { PREFIX, TICKS_QUEUE } from '#queue/names.ts';
import { type Clock, type ClockEntry, startClock } from '#queue/schedules.ts';
import { startRedis, type TestRedis } from '#test/support/redis.ts';
import { eventually } from '#test/support/wait.ts';

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis({ url: server.url }, 'worker');
});

afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

beforeEach(() => redis.flushall());

const entry = (id: string, version = 'one'): ClockEntry => ({ id, when: '0 3 * * *', timezone: 'UTC', version });

/** A clock whose schedules are all due at one instant, and then never again. */
async function clockFor(
  due: () => number | undefined,
): Promise<{ clock: Clock; ticks: [string, number][]; hands: string[] }> {
  const ticks: [string, number][] = [];
  const hands: string[] = [];
  const clock = await startClock(redis, {
    nextTick: (_id, after) => {
      const at = due();
      return at !== undefined && at > after ? at : undefined;
    },
    onTick: async (id, at) => void ticks.push([id, at]),
    onHand: async (id, job) => void hands.push(`${id} ${job}`),
  });
  return { clock, ticks, hands };
}

test('a schedule ticks at its instant, and the tick knows it', async () => {
  const at = Date.now() + 300;
  const { clock, ticks } = await clockFor(() => at);
  await using _clock = clock;

  await clock.arrange([entry('backup.notes')]);
  const tick = await eventually('the tick', () => ticks[0]);

  expect(tick).toEqual(['backup.notes', at]);
});

test('an unchanged schedule keeps the tick that is overdue when the controller comes back', async () => {
  const at = Date.now() + 200;
  const before = await clockFor(() => at);
  await before.clock.arrange([entry('backup.notes')]);
  // Nobody is there when it is due.
  await before.clock[Symbol.asyncDispose]();
  await eventually('its time is over', () => Date.now() > at + 100);

  const { clock, ticks } = await clockFor(() => Date.now() + 60_000);
  await using _clock = clock;
  await clock.arrange([entry('backup.notes')]);
  await clock.arrange([entry('backup.notes')]);
  const tick = await eventually('the overdue tick', () => ticks[0]);

  expect(before.ticks).toEqual([]);
  expect(tick).toEqual(['backup.notes', at]);
});

test('a changed schedule ticks by its new rules, and one that is gone does not tick any more', async () => {
  let at = Date.now() + 3_600_000;
  const { clock } = await clockFor(() => at);
  await using _clock = clock;
  await clock.arrange([entry('backup.notes'), entry('backup.wiki')]);

  at += 60_000;
  await clock.arrange([entry('backup.notes', 'two')]);

  const schedulers = await clock.queue.getJobSchedulers(0, -1, true);
  expect(schedulers.map(({ key, next }) => [key, next])).toEqual([['backup.notes', at]]);
  expect(schedulers[0]).toMatchObject({ pattern: '0 3 * * *', tz: 'UTC' });
});

test('a schedule that is never due has no tick, and stands in nobody’s way', async () => {
  const { clock } = await clockFor(() => undefined);
  await using _clock = clock;

  await clock.arrange([entry('backup.never')]);

  expect(await clock.queue.getJobSchedulers(0, -1, true)).toEqual([]);
});

test('a job that a person adds from the queue page is no tick', async () => {
  const { clock, ticks, hands } = await clockFor(() => Date.now() + 3_600_000);
  await using _clock = clock;
  const page = new Queue(TICKS_QUEUE, { connection: redis, prefix: PREFIX });

  await page.add('backup.notes', { schedule: 'backup.notes', version: 'one' });
  const hand = await eventually('the job', () => hands[0]);
  await page.close();

  expect(hand).toMatch(/^backup\.notes 1\.\d+$/);
  expect(ticks).toEqual([]);
});
