/** The thread behind `heartbeat.ts`: renews locks and presence while the main thread may be busy for a minute. */
import { parentPort, workerData } from 'node:worker_threads';
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { connectRedis } from '#queue/connection.ts';
import type { HeartbeatOrder, HeartbeatReport, HeartbeatWork } from '#queue/heartbeat.ts';
import type { Lease } from '#queue/lease.ts';
import { instant, isOurs, renewLease, renewLock } from '#queue/lease.ts';
import { ageOfMemory } from '#queue/memory.ts';
import { LOCK_MS, OBEY_MS, PRESENCE_MS, WATCH_MS } from '#queue/timing.ts';

/** Four chances before a lock runs out. */
const BEAT_MS = LOCK_MS / 4;

/** By then a main thread that moves has taken up what it was given, if it ever heard of it. */
const PULSES_TO_TAKE = 8;

/** Far more than a worker takes while a lock runs out. */
const KNOWN = 5_000;

interface Held {
  number: number;
  token: string;
  lease: Lease;
  /** By the clock that stands still while the machine is suspended. */
  overdueAt: number;
}

const main = port();
const plan = workerData as HeartbeatWork;
const redis = connectRedis(plan.address, 'worker');
const held = new Map<string, Held>();
/** `JOB TOKEN` of what the main thread has taken lately: what it let go of is not kept alive behind its back. */
const known = new Set<string>();
/** `JOB TOKEN` of what was given to us and not taken up yet, with the pulse at which it was seen first. */
let untaken = new Map<string, number>();
/** Holds that began so late that Redis is asked first whether they are still ours. */
const doubtful = new Set<number>();

main.on('message', (order: HeartbeatOrder) => {
  if ('hold' in order) hold(order);
  else if ('release' in order) release(order.release, order.number);
  else stop();
});
const beat = setInterval(() => void beatOnce(), BEAT_MS);
const clock = setInterval(watchClock, WATCH_MS);
void beatOnce();

function hold(order: Extract<HeartbeatOrder, { hold: string }>): void {
  const lock: Held = { ...order, overdueAt: performance.now() + order.limitMs };
  held.set(order.hold, lock);
  known.add(`${order.hold} ${order.token}`);
  for (const oldest of known) if (known.size > KNOWN) known.delete(oldest);
  if (isOurs(order.lease)) return;
  doubtful.add(order.number);
  void Promise.race([renew(order.hold, lock), pause(OBEY_MS)]).finally(() => doubtful.delete(order.number));
}

/** The same job may be held again already. */
function release(job: string, number: number): void {
  if (held.get(job)?.number === number) held.delete(job);
}

async function beatOnce(): Promise<void> {
  await redis.set(plan.presence, String(process.pid), 'PX', PRESENCE_MS).catch(() => undefined);
  await ageOfMemory(redis).catch(() => undefined);
  await Promise.all([...held].map(([job, lock]) => renew(job, lock)));
  await renewUntaken().catch(() => undefined);
}

async function renew(job: string, lock: Held): Promise<void> {
  const asked = instant();
  const ours = await renewLock(redis, plan.queueKey, { job, token: lock.token });
  if (ours === true) renewLease(lock.lease, asked);
  else if (ours === false && held.get(job) === lock) lose(job);
}

/**
 * Jobs that Redis gave to this worker while its main thread stands still: it takes them up when it moves again. Where it
 * moves and does not, the answer of Redis was lost on the way: nobody knows of the job, and its lock has to run out.
 */
async function renewUntaken(): Promise<void> {
  const active = await redis.lrange(`${plan.queueKey}:active`, 0, -1);
  const pulse = Atomics.load(new Int32Array(plan.pulse), 0);
  const seen = new Map<string, number>();
  for (const job of active) {
    const token = held.has(job) ? null : await redis.get(`${plan.queueKey}:${job}:lock`);
    const name = `${job} ${token}`;
    if (token?.startsWith(plan.ourTokens) !== true || known.has(name)) continue;
    const since = untaken.get(name) ?? pulse;
    seen.set(name, since);
    if (pulse - since < PULSES_TO_TAKE) await renewLock(redis, plan.queueKey, { job, token });
  }
  untaken = seen;
}

/** While Redis is away no answer comes at all, so the clock itself is watched. */
function watchClock(): void {
  for (const [job, { lease, number, overdueAt }] of held) {
    if (!isOurs(lease) && !doubtful.has(number)) lose(job);
    // The main thread ends every step in time, unless it is in a loop without end: busy is not dead, but this is.
    if (performance.now() > overdueAt) process.kill(process.pid, 'SIGKILL');
  }
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
