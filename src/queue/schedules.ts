/** The clock: one BullMQ job scheduler a schedule. A tick only says that something is due; what, the ledger knows. */
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX, TICKS_QUEUE } from '#queue/names.ts';
import { releaseAll } from '#queue/orphans.ts';
import { LOCK_MS, STALLED_CHECK_MS } from '#queue/timing.ts';

/** One schedule, as it is shown on the queue page. */
export interface ClockEntry {
  id: string;
  /** The cron expression, or `every 6h`. */
  when: string;
  timezone: string;
  /** Another whenever anything is that decides when the clock ticks. */
  version: string;
}

export interface Clock extends AsyncDisposable {
  queue: Queue;
  /** Makes the schedulers those of the configuration; unchanged ones keep a tick that is overdue. */
  arrange(entries: readonly ClockEntry[]): Promise<void>;
}

export interface ClockPorts {
  /** The next tick after `after`, both in milliseconds; `undefined` when there is none. */
  nextTick(id: string, after: number): number | undefined;
  /** @param due the planned instant in milliseconds, the same for every repetition of the tick. */
  onTick(id: string, due: number): Promise<void>;
  /** A person added the schedule's job by hand. @param job names it, also when it is repeated. */
  onHand(id: string, job: string): Promise<void>;
}

interface TickData {
  schedule: string;
  version: string;
}

export async function startClock(redis: Redis, ports: ClockPorts): Promise<Clock> {
  const settings = {
    // One reading of schedules in the whole product: the same that judges slots and shows the forecast.
    repeatStrategy: (after: number, _options: unknown, id?: string) => ports.nextTick(id ?? '', after),
  };
  const queue = new Queue<TickData>(TICKS_QUEUE, { connection: redis, prefix: PREFIX, settings });
  queue.on('error', () => undefined);
  await releaseAll(redis, TICKS_QUEUE);
  const worker = new Worker<TickData>(
    TICKS_QUEUE,
    async ({ id = '', timestamp, data }) => {
      // `repeat:<scheduler>:<due>`; a job that a person added has an id of its own.
      const due = /^repeat:.*:(\d+)$/.exec(id)?.[1];
      if (due === undefined) await ports.onHand(data.schedule, `${id}.${timestamp}`);
      else await ports.onTick(data.schedule, Number(due));
    },
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
    arrange: (entries) => arrange(queue, entries, ports),
    async [Symbol.asyncDispose]() {
      await worker.close();
      await queue.close();
    },
  };
}

async function arrange(queue: Queue<TickData>, entries: readonly ClockEntry[], ports: ClockPorts): Promise<void> {
  const known = new Map((await queue.getJobSchedulers(0, -1, true)).map((found) => [found.key, found]));
  for (const { id, when, timezone, version } of entries) {
    // What never ticks has no scheduler.
    if (ports.nextTick(id, Date.now()) === undefined) continue;
    const found = known.get(id);
    known.delete(id);
    // Upserting an unchanged schedule would drop its overdue tick, and with it the first sign of life after a reboot.
    if (found?.template?.data?.version === version) continue;
    await queue.upsertJobScheduler(
      id,
      { pattern: when, tz: timezone },
      {
        name: id,
        data: { schedule: id, version },
        opts: { attempts: 1_000, backoff: { type: 'fixed', delay: 5_000 } },
      },
    );
  }
  for (const id of known.keys()) await queue.removeJobScheduler(id);
}
