/** A step that is done, but whose result Redis refuses for a moment, is not held for ever by the worker that did it. */
import { expect, test } from 'vitest';
import { isTerminal } from '#engine/run.ts';
import { connectRedis } from '#queue/connection.ts';
import { startTestEngine } from '#test/support/engine.ts';
import { planOf, step } from '#test/support/plans.ts';
import { eventually } from '#test/support/wait.ts';

/** Redis refuses all writes while it lacks a replica, as it does while its disk is full. Shorter than a lock lives: nobody takes the worker for dead. */
const REFUSAL_MS = 2_000;

test('a result that Redis refused for a moment is asked for again', async () => {
  let times = 0;
  await using bed = await startTestEngine(async () => {
    if (++times === 1) {
      await redis.config('SET', 'min-replicas-to-write', '1');
      setTimeout(() => void redis.config('SET', 'min-replicas-to-write', '0'), REFUSAL_MS);
    }
    return {};
  });
  const redis = connectRedis(bed, 'worker');

  const run = await bed.request(planOf(step('a')));
  const detail = await eventually(
    'the run ends',
    async () => {
      await bed.engine.reconcile().catch(() => undefined);
      const now = bed.history.run(run);
      return isTerminal(now.status) && now;
    },
    40_000,
  );
  redis.disconnect();

  expect(detail.status).toBe('succeeded');
  expect(times).toBe(2);
}, 60_000);
