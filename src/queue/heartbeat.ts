/** Keeps a step worker's locks and presence alive from a thread of its own: a busy event loop is not a dead worker. */
import { Worker as Thread } from 'node:worker_threads';
import type { Job, Worker } from 'bullmq';
import type { RedisAddress } from '#queue/connection.ts';
import type { Lease } from '#queue/lease.ts';
import { newLease } from '#queue/lease.ts';

/** What the thread is started with. */
export interface HeartbeatPlan {
  address: RedisAddress;
  /** `autopilot:service.nas`: the prefix of the queue's keys. */
  queueKey: string;
  /** The key that tells that this worker is there. */
  presence: string;
}

/** What the thread is told besides: how the locks of this worker begin, and where the main thread counts its pulse. */
export type HeartbeatWork = HeartbeatPlan & { ourTokens: string; pulse: SharedArrayBuffer };

/** What the main thread tells the thread. */
export type HeartbeatOrder =
  | { hold: string; number: number; token: string; lease: Lease; limitMs: number }
  | { release: string; number: number }
  | { stop: true };

/** What the thread tells the main thread: this job's lock is gone. To be answered, or the process is ended. */
export interface HeartbeatReport {
  lost: string;
  answered: SharedArrayBuffer;
}

/** How often the main thread says that it moves (milliseconds). */
const PULSE_MS = 250;

/** Small: the thread holds a connection and a short list. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 };

/** A job that this worker was given. The queue may give it the same job again, even under the same token. */
export interface Hold {
  number: number;
  lease: Lease;
}

export interface Heartbeat extends AsyncDisposable {
  /** The hold on a job that this worker was given last. */
  holdOn(job: string): Hold | undefined;
  /** Lets the lock of a hold run out. Completed and failed jobs are released by themselves. */
  release(job: string, hold: Hold | undefined): void;
}

/** @param limitOf how long (milliseconds) a job may be held at the very most: longer than any that the main thread sees to. */
export async function startHeartbeat(
  worker: Worker,
  plan: HeartbeatPlan,
  limitOf: (job: Job) => number,
): Promise<Heartbeat> {
  const pulse = new SharedArrayBuffer(4);
  const pulsing = setInterval(() => Atomics.add(new Int32Array(pulse), 0, 1), PULSE_MS);
  const thread = new Thread(new URL('heartbeat-thread.ts', import.meta.url), {
    workerData: { ...plan, ourTokens: `${worker.id}:`, pulse } satisfies HeartbeatWork,
    resourceLimits: LIMITS,
  });
  thread.on('message', ({ lost, answered }: HeartbeatReport) => {
    Atomics.store(new Int32Array(answered), 0, 1);
    worker.cancelJob(lost, 'lock lost');
  });
  const tell = (order: HeartbeatOrder) => thread.postMessage(order);
  const holds = new Map<string, Hold>();
  let last = 0;
  const release: Heartbeat['release'] = (job, hold) => {
    if (hold === undefined || holds.get(job)?.number !== hold.number) return;
    holds.delete(job);
    tell({ release: job, number: hold.number });
  };
  const ended = (job: Job | undefined) => release(job?.id ?? '', holds.get(job?.id ?? ''));
  worker.on('active', (job) => {
    // Not as of now: this thread may have stood still since it asked for the job.
    const hold = { number: ++last, lease: newLease(job.processedOn ?? Date.now()) };
    holds.set(job.id ?? '', hold);
    tell({ hold: job.id ?? '', token: job.token ?? '', limitMs: limitOf(job), ...hold });
  });
  worker.on('completed', ended);
  worker.on('failed', ended);
  return {
    holdOn: (job) => holds.get(job),
    release,
    async [Symbol.asyncDispose]() {
      clearInterval(pulsing);
      const ended = new Promise((resolve) => thread.once('exit', resolve));
      tell({ stop: true });
      await ended;
    },
  };
}
