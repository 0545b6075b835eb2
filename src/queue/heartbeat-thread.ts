/** The thread behind `heartbeat.ts`: renews locks and presence while the main thread may be busy for a minute. */
import { parentPort, workerData } from 'node:worker_threads';
import { AutopilotError } from '#kernel/errors.ts';
import { connectRedis } from '#queue/connection.ts';
import type { HeartbeatOrder, HeartbeatPlan, HeartbeatReport } from '#queue/heartbeat.ts';
import { ageOfMemory } from '#queue/memory.ts';
import { heardKey } from '#queue/names.ts';
import { GIVE_UP_MS, HOLDER_MEMORY_S, LOCK_MS, OBEY_MS, PRESENCE_MS } from '#queue/timing.ts';

/** Four chances before a lock runs out. */
const BEAT_MS = LOCK_MS / 4;

/** Renews the lock, takes the job off BullMQ's list of suspects, and notes the time, if the lock is still ours. */
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SREM', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5])
return 1`;

interface Held {
  number: number;
  token: string;
  renewedAt: number;
}

const main = port();
const plan = workerData as HeartbeatPlan;
const redis = connectRedis(plan.address, 'worker');
const held = new Map<string, Held>();

main.on('message', (order: HeartbeatOrder) => {
  if ('hold' in order) held.set(order.hold, { ...order, renewedAt: Date.now() });
  else if ('release' in order) release(order.release, order.number);
  else stop();
});
const beat = setInterval(() => void beatOnce(), BEAT_MS);
const clock = setInterval(watchClock, BEAT_MS / 5);
void beatOnce();

/** The same job may be held again already. */
function release(job: string, number: number): void {
  if (held.get(job)?.number === number) held.delete(job);
}

async function beatOnce(): Promise<void> {
  await redis.set(plan.presence, String(process.pid), 'PX', PRESENCE_MS).catch(() => undefined);
  await ageOfMemory(redis).catch(() => undefined);
  await Promise.all([...held].map(([job, lock]) => renew(job, lock)));
}

async function renew(job: string, lock: Held): Promise<void> {
  const keys = [`${plan.queueKey}:${job}:lock`, `${plan.queueKey}:stalled`, heardKey(job)] as const;
  const asked = Date.now();
  const words = [lock.token, LOCK_MS, job, asked, HOLDER_MEMORY_S] as const;
  const answer = await redis.eval(RENEW, keys.length, ...keys, ...words).catch(() => undefined);
  if (answer === 1) lock.renewedAt = asked;
  else if (answer === 0 && held.get(job) === lock) lose(job);
}

/** While Redis is away no answer comes at all, so the clock itself is watched. */
function watchClock(): void {
  for (const [job, { renewedAt }] of held) if (Date.now() - renewedAt > GIVE_UP_MS) lose(job);
}

/**
 * The main thread aborts the step, which ends its commands. If it is too busy to do so in time, the process ends:
 * a step that goes on without its lock could change what its replacement is changing.
 */
function lose(job: string): void {
  held.delete(job);
  const report: HeartbeatReport = { lost: job, answered: new SharedArrayBuffer(4) };
  const answered = new Int32Array(report.answered);
  main.postMessage(report);
  setTimeout(() => {
    if (Atomics.load(answered, 0) === 0) process.kill(process.pid, 'SIGKILL');
  }, OBEY_MS);
}

function stop(): void {
  clearInterval(beat);
  clearInterval(clock);
  redis
    .del(plan.presence)
    .catch(() => undefined)
    .finally(() => {
      redis.disconnect();
      main.close();
    });
}

function port(): NonNullable<typeof parentPort> {
  if (parentPort === null) throw new AutopilotError('HA_INTERNAL', 'this file runs in a thread of a worker');
  return parentPort;
}
