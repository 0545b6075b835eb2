/** How surely a step's lock is still ours: both threads of a worker look at the same clock before anything is changed. */
import type { Redis } from '#queue/connection.ts';
import { heardKey } from '#queue/names.ts';
import { GIVE_UP_MS, HOLDER_MEMORY_S, LOCK_MS } from '#queue/timing.ts';

/** When the last renewal was asked for, by two clocks, in memory that threads share. */
export type Lease = SharedArrayBuffer;

/**
 * An instant by the clock on the wall, which goes on while the machine is suspended, and by the one that nobody can set
 * back. A lease is as old as the more pessimistic of the two says.
 */
export interface Instant {
  wall: number;
  steady: number;
}

export function instant(): Instant {
  return { wall: Date.now(), steady: Math.round(Number(process.hrtime.bigint()) / 1e6) };
}

/** @param since when the lock was asked for, in milliseconds of the wall clock. */
export function newLease(since: number): Lease {
  const lease = new SharedArrayBuffer(16);
  const { wall, steady } = instant();
  renewLease(lease, { wall: since, steady: steady - Math.max(0, wall - since) });
  return lease;
}

export function renewLease(lease: Lease, asked: Instant): void {
  const clocks = new BigInt64Array(lease);
  Atomics.store(clocks, 0, BigInt(asked.wall));
  Atomics.store(clocks, 1, BigInt(asked.steady));
}

/** Milliseconds since the lock was surely ours. */
function leaseAge(lease: Lease): number {
  const clocks = new BigInt64Array(lease);
  const { wall, steady } = instant();
  return Math.max(wall - Number(Atomics.load(clocks, 0)), steady - Number(Atomics.load(clocks, 1)));
}

/** False when Redis may give the step to somebody else any moment, or has done so while we stood still. */
export function isOurs(lease: Lease): boolean {
  return leaseAge(lease) <= GIVE_UP_MS;
}

/** Renews the lock, takes the job off BullMQ's list of suspects, and notes the time, if the lock is still ours. */
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SREM', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5])
return 1`;

/**
 * @param queueKey `autopilot:service.nas`
 * @returns whether the lock is ours; undefined when Redis did not say.
 */
export async function renewLock(
  redis: Redis,
  queueKey: string,
  { job, token }: { job: string; token: string },
): Promise<boolean | undefined> {
  const keys = [`${queueKey}:${job}:lock`, `${queueKey}:stalled`, heardKey(job)] as const;
  const words = [token, LOCK_MS, job, Date.now(), HOLDER_MEMORY_S] as const;
  const answer = await redis.eval(RENEW, keys.length, ...keys, ...words).catch(() => undefined);
  return answer === undefined ? undefined : answer === 1;
}
