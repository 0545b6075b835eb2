/** A step on its way from worker to worker: none is left at it unseen, and none is kept by a worker that never heard of it. */
import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { connectRedis, type Redis } from '#queue/connection.ts';
import { type HandoverPorts, type SentStep, takeOver } from '#queue/handover.ts';
import { holderKey } from '#queue/names.ts';
import { startTestEngine } from '#test/support/engine.ts';
import { inSequence, planOf, step } from '#test/support/plans.ts';
import { startRedis } from '#test/support/redis.ts';
import { eventually } from '#test/support/wait.ts';

const QUEUE = 'service.nas';

test('who replaces a replacement that died in the middle of it sends away the first holder all the same', async () => {
  await using server = await startRedis();
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(connectRedis(server, 'worker'), (connection) => connection.disconnect());
  const job = await aJob(stack, redis);
  await redis.set(holderKey(job.id ?? ''), 'first');
  const portsOf = (identity: string, endPredecessor: HandoverPorts['endPredecessor']): HandoverPorts => {
    return { redis, host: 'nas', identity, endPredecessor, isGone: async () => false };
  };
  const died = new Error('killed while it looked after the first one');

  await expect(
    takeOver(
      portsOf('second', () => Promise.reject(died)),
      job,
    ),
  ).rejects.toBe(died);
  const sentAway: string[] = [];
  const story = await takeOver(
    portsOf('third', async (who) => {
      sentAway.push(who);
      return true;
    }),
    job,
  );

  expect(sentAway).toEqual(['first']);
  expect(story).toMatch(/^worker nas did not answer any more and was ended in step a;/);
  expect(await redis.get(holderKey(job.id ?? ''))).toBe('third');
});

test('a replacement whose lock went to somebody else while it waited does not take the place', async () => {
  await using server = await startRedis();
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(connectRedis(server, 'worker'), (connection) => connection.disconnect());
  const job = await aJob(stack, redis);
  await redis.set(holderKey(job.id ?? ''), 'first');

  const story = await takeOver(
    {
      redis,
      host: 'nas',
      identity: 'second',
      isGone: async () => false,
      async endPredecessor() {
        await redis.set(`autopilot:${QUEUE}:${job.id}:lock`, 'another token');
        return true;
      },
    },
    job,
  );

  expect(story).toBeUndefined();
  expect(await redis.get(holderKey(job.id ?? ''))).toBe('first');
});

async function aJob(stack: AsyncDisposableStack, redis: Redis) {
  const queue = new Queue<SentStep>(QUEUE, { connection: redis, prefix: 'autopilot' });
  stack.defer(() => queue.close());
  const job = await queue.add('a', { step: { key: 'a' } } as SentStep, { jobId: 'run.a' });
  job.token = 'ours';
  await redis.set(`autopilot:${QUEUE}:${job.id}:lock`, job.token);
  return job;
}

test('a step whose handing over to a worker was lost on the way is given out again, although that worker lives', async () => {
  const redis = Promise.withResolvers<Redis>();
  let worker = '';
  await using bed = await startTestEngine(async ({ run, step: { key } }) => {
    if (key !== 'first') return {};
    const lock = await (await redis.promise).get(`autopilot:${QUEUE}:${run}.first:lock`);
    worker = lock?.split(':')[0] ?? '';
    // From here on the second step waits, and the test hands it over.
    await (await redis.promise).eval(PAUSE, 0);
    return {};
  });
  const connection = connectRedis(bed, 'worker');
  redis.resolve(connection);
  const run = await bed.request(planOf(inSequence(step('first'), step('second'))));

  await eventually('the second step waits', async () => (await connection.llen(`autopilot:${QUEUE}:wait`)) === 1);
  await connection.eval(HAND_OVER, 0, `${run}.second`, `${worker}:999999`);
  const { status } = await bed.ended(run);
  connection.disconnect();

  expect(worker).not.toBe('');
  expect(status).toBe('succeeded');
}, 60_000);

/** What BullMQ's own pause does to the queue. */
const PAUSE = `redis.call('HSET', 'autopilot:${QUEUE}:meta', 'paused', 1)`;

/** The step becomes a worker's, as far as Redis knows; and the queue goes on. */
const HAND_OVER = `
redis.call('LREM', 'autopilot:${QUEUE}:wait', 0, ARGV[1])
redis.call('LPUSH', 'autopilot:${QUEUE}:active', ARGV[1])
redis.call('HINCRBY', 'autopilot:${QUEUE}:' .. ARGV[1], 'ats', 1)
redis.call('SET', 'autopilot:${QUEUE}:' .. ARGV[1] .. ':lock', ARGV[2], 'PX', 6000)
redis.call('HDEL', 'autopilot:${QUEUE}:meta', 'paused')
redis.call('ZADD', 'autopilot:${QUEUE}:marker', 0, '0')`;
