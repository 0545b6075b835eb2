/** The engine's own cost: how soon a run begins, what a step costs, how many runs a second, beside bare BullMQ jobs. */
import { Queue, Worker } from 'bullmq';
import type { Metric } from '#bench/metric.ts';
import { median, percentile } from '#bench/metric.ts';
import { connectRedis } from '#queue/connection.ts';
import type { TestEngine } from '#test/support/engine.ts';
import { startTestEngine } from '#test/support/engine.ts';
import { inSequence, planOf, step } from '#test/support/plans.ts';

const STEPS = 6;
const ONE_BY_ONE = 150;
const AT_ONCE = 50;
const TOGETHER = 300;
const UNFINISHED = 1_000;

export async function benchEngine(): Promise<Metric[]> {
  const begun = new Map<string, number>();
  await using bed = await startTestEngine(async ({ run }) => {
    if (!begun.has(run)) begun.set(run, performance.now());
    return {};
  });
  await runOne(bed, 'warm-up');
  const single = await oneByOne(bed, begun);
  const together = await manyAtOnce(bed);
  const bare = await bareJobs(bed.url);
  const recovery = await recoverAll();
  return [
    {
      name: `${UNFINISHED} unfinished runs taken up after a total loss of Redis`,
      value: recovery,
      unit: 'ms',
      baseline: bare.perJob * UNFINISHED,
      ratio: (bare.perJob * UNFINISHED) / recovery,
    },
    {
      name: 'request → first step, p50',
      value: percentile(single.first, 50),
      unit: 'ms',
      baseline: bare.latency,
      ratio: bare.latency / percentile(single.first, 50),
    },
    {
      name: 'request → first step, p99',
      value: percentile(single.first, 99),
      unit: 'ms',
      baseline: bare.latency,
      ratio: bare.latency / percentile(single.first, 99),
    },
    {
      name: 'overhead a step, one run at a time, p50',
      value: median(single.perStep),
      unit: 'ms',
      baseline: bare.latency,
      ratio: bare.latency / median(single.perStep),
    },
    {
      name: `overhead a step, ${AT_ONCE} runs at once`,
      value: together.perStep,
      unit: 'ms',
      baseline: bare.perJob,
      ratio: bare.perJob / together.perStep,
    },
    {
      name: `runs of ${STEPS} steps a second, ${AT_ONCE} at once`,
      value: together.runsPerSecond,
      unit: 'runs/s',
      baseline: 1000 / (bare.perJob * STEPS),
      ratio: together.runsPerSecond / (1000 / (bare.perJob * STEPS)),
    },
  ];
}

function plan(service: string) {
  return planOf(inSequence(...Array.from({ length: STEPS }, (_, index) => step(`s${index}`))), { service });
}

async function runOne(bed: TestEngine, service: string): Promise<string> {
  const run = await bed.request(plan(service));
  await bed.ended(run);
  return run;
}

/** Times from just before the request to the first step's first line, and of the whole run, one run after the other. */
async function oneByOne(bed: TestEngine, begun: Map<string, number>): Promise<{ first: number[]; perStep: number[] }> {
  const first: number[] = [];
  const perStep: number[] = [];
  for (let index = 0; index < ONE_BY_ONE; index++) {
    const asked = performance.now();
    const run = await runOne(bed, `single-${index}`);
    const began = begun.get(run) ?? asked;
    first.push(began - asked);
    const { startedAt, finishedAt } = bed.history.run(run);
    perStep.push((Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '')) / STEPS);
  }
  return { first, perStep };
}

async function manyAtOnce(bed: TestEngine): Promise<{ perStep: number; runsPerSecond: number }> {
  const started = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < TOGETHER) await runOne(bed, `lane-${next++}`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const took = performance.now() - started;
  return { perStep: took / (TOGETHER * STEPS), runsPerSecond: (TOGETHER * 1000) / took };
}

/** The boot of a controller that finds its runs in SQLite and an empty Redis; their steps wait for a host that is away. */
async function recoverAll(): Promise<number> {
  await using bed = await startTestEngine(async () => ({}));
  const away = (index: number) => planOf(step('a', { host: 'attic' }), { service: `s${index}` });
  await Promise.all(Array.from({ length: UNFINISHED }, (_, index) => bed.request(away(index))));
  const redis = connectRedis(bed, 'worker');
  await redis.flushall();
  const begun = performance.now();
  await bed.engine.resume();
  const took = performance.now() - begun;
  redis.disconnect();
  return took;
}

/** Bare BullMQ on the same Redis: one job's round trip alone, and the cost of a job among many. */
async function bareJobs(url: string): Promise<{ latency: number; perJob: number }> {
  const redis = connectRedis({ url }, 'worker');
  const queue = new Queue('bare', { connection: redis });
  const waiting = new Map<string, () => void>();
  const worker = new Worker('bare', async (job) => void waiting.get(job.name)?.(), {
    connection: redis,
    concurrency: AT_ONCE,
  });
  await worker.waitUntilReady();
  const latencies: number[] = [];
  const roundTrip = async (name: string): Promise<number> => {
    const started = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.set(name, resolve);
    await queue.add(name, {});
    await promise;
    return performance.now() - started;
  };
  for (let index = 0; index < ONE_BY_ONE; index++) latencies.push(await roundTrip(`one-${index}`));
  const started = performance.now();
  await Promise.all(Array.from({ length: TOGETHER * STEPS }, (_, index) => roundTrip(`many-${index}`)));
  const perJob = (performance.now() - started) / (TOGETHER * STEPS);
  await worker.close();
  await queue.close();
  redis.disconnect();
  return { latency: median(latencies), perJob };
}
