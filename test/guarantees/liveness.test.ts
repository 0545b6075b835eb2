/** Nothing waits for what never comes: no worker, no lease, no memory. */
import { describe, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { reachRedis } from '#queue/connection.ts';
import type { TestEngine } from '#test/support/engine.ts';
import { startTestEngine } from '#test/support/engine.ts';
import { inSequence, planOf, step } from '#test/support/plans.ts';
import { eventually } from '#test/support/wait.ts';

/** The engine starts the next run itself: no clock that looks again and again takes part here. */
const LATE_MS = 100;

describe('a step for a host without a worker', () => {
  test('is given up when its time is over, and what was done elsewhere is put back', async () => {
    await using bed = await startTestEngine(async () => ({}));
    const plan = planOf(inSequence(step('here', { undo: true }), step('away', { host: 'attic' })));
    const run = await bed.request(plan);
    await eventually('the step waits', () => bed.history.run(run).steps[1]?.status === 'dispatched');

    await bed.engine.giveUpOn(({ host }) => (host === 'attic' ? 30_000 : null));
    expect(bed.history.run(run).status).toBe('running');
    await bed.engine.giveUpOn(({ host }) => (host === 'attic' ? 61_000 : null));
    const detail = await bed.ended(run);

    expect(detail).toMatchObject({
      status: 'rolled_back',
      reason: expect.stringContaining('no worker for host attic'),
    });
    expect(detail.next).toContain('homelab-autopilot worker --host attic');
    expect(detail.steps.at(-1)).toMatchObject({ name: 'undo-here', status: 'succeeded' });
  });

  test('waits ten times as long when it puts something back', async () => {
    await using bed = await startTestEngine(async () => {
      throw new Error('no');
    });
    const node = step('here', { undo: true });
    if (node.type !== 'step' || node.step.undo === null) throw new Error('a step with an undo has one');
    node.step.undo.host = 'attic';
    const run = await bed.request(planOf(node));
    await eventually('the undo waits', () => bed.history.run(run).steps[1]?.status === 'dispatched');

    await bed.engine.giveUpOn(({ host }) => (host === 'attic' ? 590_000 : null));
    expect(bed.history.run(run).status).toBe('running');
    await bed.engine.giveUpOn(({ host }) => (host === 'attic' ? 601_000 : null));

    expect(await bed.ended(run)).toMatchObject({
      status: 'needs_attention',
      reason: expect.stringContaining('no worker for host attic'),
    });
  });
});

test('a step that a person deletes from its queue is sent again', async () => {
  await using bed = await startTestEngine(async () => ({}));
  const run = await bed.request(planOf(step('a', { host: 'attic' })));
  await eventually('the step waits', () => jobsFor(bed, 1));
  const redis = await reachRedis(bed);
  await redis.del('autopilot:service.attic:wait', `autopilot:service.attic:${run}.a`);
  redis.disconnect();

  await bed.engine.reconcile();

  expect(await jobsFor(bed, 1)).toBe(true);
  await using _worker = await bed.addWorker('attic', async () => ({}));
  expect((await bed.ended(run)).status).toBe('succeeded');
});

describe('runs that wait for their service', () => {
  test('start in order of request, a tenth of a second after the one before at the latest', async () => {
    await using bed = await startTestEngine(async () => ({}));
    const runs: string[] = [];
    for (let index = 0; index < 20; index++) runs.push(await bed.request(planOf(inSequence(step('a'), step('b')))));

    const details: RunDetail[] = [];
    for (const run of runs) details.push(await bed.ended(run));

    const gaps = details.slice(1).map(({ startedAt }, index) => {
      return Date.parse(startedAt ?? '') - Date.parse(details[index]?.finishedAt ?? '');
    });
    expect(details.map(({ status }) => status)).toEqual(runs.map(() => 'succeeded'));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
    // A machine that is busy with other tests may hesitate once.
    expect(gaps.toSorted((a, b) => a - b).at(-3)).toBeLessThan(LATE_MS);
  });
});

describe('a controller that starts', () => {
  test('takes a thousand unfinished runs up again, although Redis has lost everything', async () => {
    await using bed = await startTestEngine(async () => ({}));
    const waiting = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        bed.request(planOf(step('a', { host: 'attic' }), { service: `s${index}` })),
      ),
    );
    await eventually('all steps wait', () => jobsFor(bed, waiting.length), 30_000);
    const redis = await reachRedis(bed);
    await redis.flushall();

    await bed.engine.resume();

    expect(await redis.llen('autopilot:service.attic:wait')).toBe(1_000);
    redis.disconnect();
  }, 60_000);
});

async function jobsFor(bed: TestEngine, wanted: number): Promise<boolean> {
  const redis = await reachRedis(bed);
  const count = await redis.llen('autopilot:service.attic:wait');
  redis.disconnect();
  return count === wanted;
}
