/** The clock: one BullMQ job scheduler a schedule. A tick asks for a run and does nothing else. */
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX, TICKS_QUEUE } from '#queue/names.ts';
import { releaseAll } from '#queue/orphans.ts';
import { LOCK_MS, STALLED_CHECK_MS } from '#queue/timing.ts';

export interface ScheduleSpec {
  id: string;
  cron: string;
  timezone: string;
  workflow: string;
  service: string;
}

export interface Clock extends AsyncDisposable {
  queue: Queue;
  /** Makes the schedulers those of the configuration; unchanged ones keep a slot that is overdue. */
  arrange(specs: readonly ScheduleSpec[]): Promise<void>;
}

export interface ClockPorts {
  /** The next fire after `after`, both in milliseconds; `undefined` when there is none. */
  nextFire(spec: { cron: string; timezone: string }, after: number): number | undefined;
  /** @param slot the planned instant in milliseconds, the same for every repetition of the tick. */
  onTick(scheduleId: string, slot: number): Promise<void>;
}

export async function startClock(redis: Redis, ports: ClockPorts): Promise<Clock> {
  const settings = {
    // One reading of cron in the whole product: the same that validates the configuration and shows the forecast.
    repeatStrategy: (after: number, options: { pattern?: string; tz?: string }) =>
      ports.nextFire({ cron: options.pattern ?? '', timezone: options.tz ?? 'UTC' }, after),
  };
  const queue = new Queue(TICKS_QUEUE, { connection: redis, prefix: PREFIX, settings });
  queue.on('error', () => undefined);
  await releaseAll(redis, TICKS_QUEUE);
  const worker = new Worker<{ schedule: string }>(
    TICKS_QUEUE,
    async (job) => ports.onTick(job.data.schedule, slotOf(job.id, job.timestamp)),
    {
      connection: redis,
      prefix: PREFIX,
      settings,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      removeOnComplete: { count: 50 },
      removeOnFail: { count: 50 },
    },
  );
  worker.on('error', () => undefined);
  await worker.waitUntilReady();
  return {
    queue,
    arrange: (specs) => arrange(queue, specs),
    async [Symbol.asyncDispose]() {
      await worker.close();
      await queue.close();
    },
  };
}

async function arrange(queue: Queue, specs: readonly ScheduleSpec[]): Promise<void> {
  const known = new Map((await queue.getJobSchedulers(0, -1, true)).map((found) => [found.key, found]));
  for (const spec of specs) {
    const found = known.get(spec.id);
    known.delete(spec.id);
    // Upserting an unchanged cron schedule would drop its overdue slot: last night's backup, after a reboot.
    if (found?.pattern === spec.cron && found.tz === spec.timezone) continue;
    await queue.upsertJobScheduler(
      spec.id,
      { pattern: spec.cron, tz: spec.timezone },
      {
        name: `${spec.workflow} ${spec.service}`,
        data: { schedule: spec.id },
        opts: { attempts: 1_000, backoff: { type: 'fixed', delay: 5_000 } },
      },
    );
  }
  for (const id of known.keys()) await queue.removeJobScheduler(id);
}

/** `repeat:<scheduler>:<slot>`; a tick that a person started by hand has no slot, its own time serves. */
function slotOf(jobId: string | undefined, timestamp: number): number {
  const slot = /^repeat:.*:(\d+)$/.exec(jobId ?? '')?.[1];
  return slot === undefined ? timestamp : Number(slot);
}
