/** A program that fails or freezes at any of its points, with real processes: each run ends rightly, and the world is right. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RunDetail, RunStatus } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import type { FaultPoint } from '#kernel/fault.ts';
import { faultPoints } from '#kernel/fault.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import { judgeService } from '#test/chaos/judge.ts';
import type { Lab } from '#test/chaos/lab.ts';
import { openLab } from '#test/chaos/lab.ts';
import { needs } from '#test/support/needs.ts';
import { eventually } from '#test/support/wait.ts';

let lab: Lab;
let next = 0;

beforeAll(async () => {
  lab = await openLab({ services: 40, workers: ['nas', 'nas'] });
});

/** What was frozen, and nobody had a reason to end, goes on. */
afterEach(() => {
  for (const pid of Object.values(lab.pids())) {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It has just died, and its successor is on the way.
    }
  }
});

afterAll(() => lab[Symbol.asyncDispose]());

/**
 * A run that changes everything and puts it back: it passes all points of engine, queue and workers. Those of the
 * archive and of the schedules are passed in their own tests.
 */
const drilled = (Object.keys(faultPoints) as FaultPoint[]).filter((point) =>
  /^(?!seal|copy|capture|retain|fire)/.test(point),
);

async function drill(): Promise<{ detail: RunDetail; problems: string[] }> {
  const service = lab.services[next++];
  if (service === undefined) throw new Error('more tests than services');
  const id = newId();
  const run = derivedId('request', id, service.name);
  const request = { id, workflow: 'exercise', services: [service.name], all: false, input: { fail: 'last' } };
  await eventually('the run is accepted', async () => {
    try {
      await using controller = await lab.connect();
      await controller.enqueue(request);
      return true;
    } catch {
      return undefined;
    }
  });
  const detail = await eventually(
    `run ${run} ends`,
    () => {
      using history = lab.history();
      const now = history?.run(run);
      return now !== undefined && isTerminal(now.status) ? now : undefined;
    },
    60_000,
  );
  using history = lab.history();
  const runs = history?.runs({ service: service.name, limit: 10 }) ?? [];
  return { detail, problems: judgeService(service, runs, new Map()).map(({ text }) => text) };
}

/** A step may be given up for a failure in it; then what was done is put back all the same. */
const right: readonly RunStatus[] = ['rolled_back', 'failed'];
const LIMIT = { timeout: 90_000 };

test.for(drilled)('an exception at %s is got over', LIMIT, async (point, context) => {
  needs(context, 'redis-server');
  await writeFile(join(lab.orders, `${point}~fail~1`), '');

  const { detail, problems } = await drill();

  expect(await readdir(lab.orders)).toContain(`done~${point}`);
  expect(right).toContain(detail.status);
  expect(problems).toEqual([]);
});

const inSteps = drilled.filter((point) => point.startsWith('step.'));

test.for(inSteps)('a worker that freezes at %s is replaced, and the run goes on', LIMIT, async (point, context) => {
  needs(context, 'redis-server');
  await writeFile(join(lab.orders, `${point}~freeze~2`), '');

  const { detail, problems } = await drill();

  expect(await readdir(lab.orders)).toContain(`done~${point}`);
  expect(detail.status).toBe('rolled_back');
  expect(problems).toEqual([]);
});
