/** Works the queue `runs`: each root job is one run that asks the engine what is next, and sleeps while its steps work. */
import type { Job } from 'bullmq';
import { UnrecoverableError, WaitingChildrenError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Engine } from '#engine/engine.ts';
import { PREFIX, RUNS_QUEUE } from '#queue/names.ts';
import { releaseAll } from '#queue/orphans.ts';
import { LOCK_MS, STALLED_CHECK_MS } from '#queue/timing.ts';
import type { Log } from '#sdk/tools.ts';

/** How many runs are looked at side by side; a run that waits for a step takes no place. */
const CONCURRENCY = 50;

export interface RunsWorkerPorts {
  redis: Redis;
  advance: Engine['advance'];
  log: Log;
}

export async function startRunsWorker(ports: RunsWorkerPorts): Promise<AsyncDisposable> {
  await releaseAll(ports.redis, RUNS_QUEUE);
  const worker = new Worker(RUNS_QUEUE, (job, token) => driveRun(ports, job, token ?? ''), {
    connection: ports.redis,
    prefix: PREFIX,
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    // A run outlives any number of controllers; dying of old age would leave it without an end.
    maxStalledCount: 1_000_000,
    name: 'controller',
  });
  worker.on('error', (error) => ports.log.warn('runs worker: redis trouble', { error: error.message }));
  await worker.waitUntilReady();
  return { [Symbol.asyncDispose]: () => worker.close() };
}

async function driveRun(ports: RunsWorkerPorts, job: Job, token: string): Promise<{ status: string }> {
  const run = job.id ?? '';
  for (;;) {
    const outcome = await ports.advance(run);
    if (outcome === 'succeeded' || outcome === 'skipped') return { status: outcome };
    // Shown as failed on the queue page; the status and its reason are in the history.
    if (outcome !== 'parked') throw new UnrecoverableError(outcome);
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
  }
}
