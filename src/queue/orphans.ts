/** Gives back at once what a dead process held in a queue, instead of waiting until its locks have run out. */
import type { Redis } from 'ioredis';
import { isStopped } from '#queue/handover.ts';
import { holderKey, PREFIX } from '#queue/names.ts';

/**
 * Takes the lock of a job away if its holder is still the one that was looked at, and puts the job on BullMQ's list of
 * suspects; the next check, which is no longer held back, gives it to a living worker and counts the death.
 */
const RELEASE = `
if ARGV[2] ~= '' and redis.call('GET', KEYS[4]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3])
return 1`;

/** Releases the steps of a queue whose holder is known to be gone, or let go of them when it was stopped. */
export async function releaseStepsOfTheDead(
  redis: Redis,
  queue: string,
  isGone: (identity: string) => Promise<boolean>,
): Promise<void> {
  for (const job of await activeJobs(redis, queue)) {
    const holder = await redis.get(holderKey(job));
    if (holder === null) continue;
    if (isStopped(holder) || (await isGone(holder))) await release(redis, queue, { job, holder });
  }
}

/** Releases everything in a queue that only the controller works on: there is one controller, and it has just started. */
export async function releaseAll(redis: Redis, queue: string): Promise<void> {
  for (const job of await activeJobs(redis, queue)) await release(redis, queue, { job, holder: '' });
}

function activeJobs(redis: Redis, queue: string): Promise<string[]> {
  return redis.lrange(`${PREFIX}:${queue}:active`, 0, -1);
}

async function release(redis: Redis, queue: string, { job, holder }: { job: string; holder: string }): Promise<void> {
  const key = `${PREFIX}:${queue}`;
  const keys = [`${key}:${job}:lock`, `${key}:stalled`, `${key}:stalled-check`, holderKey(job)] as const;
  await redis.eval(RELEASE, keys.length, ...keys, job, holder);
}
