/** What Redis knows of a run's steps: which are under way, and how the others ended. */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Children, StepResult } from '#engine/ports.ts';
import { decodeError } from '#queue/errors.ts';
import { PREFIX, RUNS_QUEUE, stepOfJobId } from '#queue/names.ts';

export interface ChildrenPorts {
  redis: Redis;
  queue(name: string): Queue;
}

const Succeeded = z.object({
  status: z.literal('succeeded'),
  attempts: z.number(),
  startedAt: z.string(),
  finishedAt: z.string(),
  output: z.record(z.string(), z.json()),
});

/** One atomic look at the children: BullMQ's own getter reads its three keys one after the other. */
export async function readChildren({ redis, queue }: ChildrenPorts, run: string): Promise<Children> {
  const base = `${PREFIX}:${RUNS_QUEUE}:${run}`;
  const answers = await redis
    .multi()
    .smembers(`${base}:dependencies`)
    .hgetall(`${base}:processed`)
    .hgetall(`${base}:failed`)
    .exec();
  const pending = z.array(z.string()).parse(answers?.[0]?.[1]);
  const processed = z.record(z.string(), z.string()).parse(answers?.[1]?.[1]);
  const failed = z.record(z.string(), z.string()).parse(answers?.[2]?.[1]);
  const results = new Map<string, StepResult>();
  for (const [key, value] of Object.entries(processed)) {
    results.set(keyOf(key), Succeeded.parse(JSON.parse(value)));
  }
  for (const [key, reason] of Object.entries(failed)) {
    results.set(keyOf(key), await failureOf(queue, key, reason));
  }
  return { pending: new Set((await stillThere(redis, pending)).map(keyOf)), results };
}

/** A child that somebody took out of its queue by hand is on the root's list for ever; it is no more. */
async function stillThere(redis: Redis, keys: readonly string[]): Promise<string[]> {
  const there = await Promise.all(keys.map((key) => redis.exists(key)));
  return keys.filter((_key, index) => there[index] === 1);
}

/** A failed child's times and attempts stand in its own job; the root knows only the reason. */
async function failureOf(queue: ChildrenPorts['queue'], childKey: string, reason: string): Promise<StepResult> {
  const [, name = '', jobId = ''] = childKey.split(':');
  const child = await queue(name).getJob(jobId);
  return {
    status: 'failed',
    attempts: child?.attemptsMade ?? 1,
    startedAt: child?.processedOn === undefined ? null : new Date(child.processedOn).toISOString(),
    finishedAt: new Date(child?.finishedOn ?? Date.now()).toISOString(),
    error: decodeError(reason),
  };
}

/** `autopilot:service.nas:b7k2….copy-usb` → `copy-usb` */
function keyOf(childKey: string): string {
  return stepOfJobId(childKey.slice(childKey.lastIndexOf(':') + 1));
}
