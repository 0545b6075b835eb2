/** A step goes from one worker to the next: who had it is written down, and has let go of it before the next one begins. */
import type { Job } from 'bullmq';
import type { StepMessage } from '#engine/ports.ts';
import { pause } from '#kernel/wait.ts';
import type { Redis } from '#queue/connection.ts';
import { ageOfMemory } from '#queue/memory.ts';
import { heardKey, holderKey } from '#queue/names.ts';
import { FORGOTTEN_MS, HOLDER_MEMORY_S, OUT_OF_REACH_MS } from '#queue/timing.ts';

/** A step as it lies in the queue. */
export type SentStep = StepMessage & { protocol: number };

export interface HandoverPorts {
  redis: Redis;
  host: string;
  /** This process, so that a replacement can tell it from others. */
  identity: string;
  /** Ends another process that may still be at a step which was given to us. @returns whether it is surely at an end. */
  endPredecessor(identity: string): Promise<boolean>;
  /** Whether a process is known to have ended. */
  isGone(identity: string): Promise<boolean>;
}

/** A second start of the same job means that an earlier one was cut short somewhere in its middle. */
export function mayHaveRun(job: Job<SentStep>): boolean {
  return job.data.mayHaveRun || job.attemptsStarted > job.attemptsMade + 1;
}

/** Writes down who has the step now, where nobody had it before. */
export async function noteHolder(ports: HandoverPorts, job: Job<SentStep>): Promise<void> {
  await ports.redis.set(holderKey(job.id ?? ''), ports.identity, 'EX', HOLDER_MEMORY_S).catch(() => undefined);
}

/** Stands before the name of a holder that let go of the step in order, because its process was told to stop. */
const STOPPED = 'stopped ';

export function isStopped(holder: string): boolean {
  return holder.startsWith(STOPPED);
}

/** For the next worker: nobody is at the step any more, although it has not come to its end. */
export async function noteStopped(ports: HandoverPorts, job: Job<SentStep>): Promise<void> {
  const key = holderKey(job.id ?? '');
  await ports.redis.set(key, `${STOPPED}${ports.identity}`, 'EX', HOLDER_MEMORY_S).catch(() => undefined);
}

/** Only who still has the lock takes the place: while it waited, the step may have gone to the next one already. */
const TAKE_PLACE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1`;

/**
 * Somebody may have had the step before us: makes sure that he has let go of it, and only then takes his place. So whose
 * name stands there is the only one who may be at it, and who comes after a replacement that died need not look back further.
 * @returns what became of him, for the run's story; undefined when the step went to somebody else meanwhile.
 */
export async function takeOver(ports: HandoverPorts, job: Job<SentStep>): Promise<string | null | undefined> {
  const id = job.id ?? '';
  const story = await sendAway(ports, job, await ports.redis.get(holderKey(id)));
  const keys = [`${job.queueQualifiedName}:${id}:lock`, holderKey(id)] as const;
  const words = [job.token ?? '', ports.identity, HOLDER_MEMORY_S] as const;
  const taken = await ports.redis.eval(TAKE_PLACE, keys.length, ...keys, ...words);
  return taken === 1 ? story : undefined;
}

async function sendAway(ports: HandoverPorts, job: Job<SentStep>, previous: string | null): Promise<string | null> {
  const { key: step } = job.data.step;
  const tellOf = async (what: string) => {
    const heard = await ports.redis.get(heardKey(job.id ?? ''));
    const lately = heard === null ? '' : ` (last heard of at ${clock(Number(heard))})`;
    return `worker ${ports.host} ${what} in step ${step}${lately}; resumed at ${clock(Date.now())} on attempt ${Math.max(2, job.attemptsStarted)}`;
  };
  if (previous !== null && isStopped(previous)) return tellOf('was stopped');
  if (previous === ports.identity) return tellOf('lost touch with Redis');
  if (previous !== null) {
    const died = await ports.isGone(previous);
    const ended = await ports.endPredecessor(previous);
    if (!ended) await pause(OUT_OF_REACH_MS);
    if (died) return tellOf('died');
    return tellOf(ended ? 'did not answer any more and was ended' : 'does not answer any more');
  }
  if (!job.data.mayHaveRun) {
    // He had no time to leave his name; or what he wrote is on a connection that leads nowhere, and he is at work.
    await pause(OUT_OF_REACH_MS);
    return tellOf('died at the beginning');
  }
  // Redis lost its memory while somebody may have had the step: he has let go when he must have missed his lock.
  await pause(Math.max(0, FORGOTTEN_MS - (await ageOfMemory(ports.redis))));
  return null;
}

/** The time of day, as the clock on the wall of that host shows it. */
function clock(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
