/** Keeps a step worker's locks and presence alive from a thread of its own: a busy event loop is not a dead worker. */
import { Worker as Thread } from 'node:worker_threads';
import type { Job, Worker } from 'bullmq';
import type { RedisAddress } from '#queue/connection.ts';

/** What the thread is started with. */
export interface HeartbeatPlan {
  address: RedisAddress;
  /** `autopilot:service.nas`: the prefix of the queue's keys. */
  queueKey: string;
  /** The key that tells that this worker is there. */
  presence: string;
}

/** What the main thread tells the thread. */
export type HeartbeatOrder =
  | { hold: string; number: number; token: string }
  | { release: string; number: number }
  | { stop: true };

/** What the thread tells the main thread: this job's lock is gone. To be answered, or the process is ended. */
export interface HeartbeatReport {
  lost: string;
  answered: SharedArrayBuffer;
}

/** Small: the thread holds a connection and a short list. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 };

export interface Heartbeat extends AsyncDisposable {
  /** The number of the hold on a job that this worker was given last. */
  numberOf(job: string): number | undefined;
  /** Lets the lock of a hold run out. Completed and failed jobs are released by themselves. */
  release(job: string, number: number | undefined): void;
}

export async function startHeartbeat(worker: Worker, plan: HeartbeatPlan): Promise<Heartbeat> {
  const thread = new Thread(new URL('heartbeat-thread.ts', import.meta.url), {
    workerData: plan,
    resourceLimits: LIMITS,
  });
  thread.on('message', ({ lost, answered }: HeartbeatReport) => {
    Atomics.store(new Int32Array(answered), 0, 1);
    worker.cancelJob(lost, 'lock lost');
  });
  const tell = (order: HeartbeatOrder) => thread.postMessage(order);
  // A job may be given to the same worker twice, even under the same token: holds are told apart by their numbers.
  const numbers = new Map<string, number>();
  let last = 0;
  const release: Heartbeat['release'] = (job, number) => {
    if (number === undefined || numbers.get(job) !== number) return;
    numbers.delete(job);
    tell({ release: job, number });
  };
  const ended = (job: Job | undefined) => release(job?.id ?? '', numbers.get(job?.id ?? ''));
  worker.on('active', (job) => {
    numbers.set(job.id ?? '', ++last);
    tell({ hold: job.id ?? '', number: last, token: job.token ?? '' });
  });
  worker.on('completed', ended);
  worker.on('failed', ended);
  return {
    numberOf: (job) => numbers.get(job),
    release,
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => thread.once('exit', resolve));
      tell({ stop: true });
      await ended;
    },
  };
}
