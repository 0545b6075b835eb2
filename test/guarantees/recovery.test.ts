/** What dies, freezes or is told to stop in the middle of a run, with real processes: the run goes on, and the world is right. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { reachRedis } from '#queue/connection.ts';
import { managedSocket } from '#queue/managed-redis.ts';
import { judgeService } from '#test/chaos/judge.ts';
import type { Lab, LabService } from '#test/chaos/lab.ts';
import { openLab } from '#test/chaos/lab.ts';
import type { Entry } from '#test/fixtures/drill/world.ts';
import { ledgerOf } from '#test/fixtures/drill/world.ts';
import { needs } from '#test/support/needs.ts';
import { processesOf } from '#test/support/processes.ts';
import { eventually } from '#test/support/wait.ts';

let lab: Lab;
let next = 0;

beforeAll(async () => {
  lab = await openLab({ services: 24, workers: ['nas', 'nas', 'pi'] });
});

afterAll(() => lab[Symbol.asyncDispose]());

/** A run of the drill on a service of its own. */
async function drill(input: JsonObject = {}): Promise<{ run: string; service: LabService }> {
  // Every other one is on the host with one worker; these tests want two.
  const service = lab.services.filter(({ host }) => host === 'nas')[next++];
  if (service === undefined) throw new Error('more tests than services');
  const id = newId();
  await using controller = await lab.connect();
  await controller.enqueue({ id, workflow: 'exercise', services: [service.name], all: false, input });
  return { run: derivedId('request', id, service.name), service };
}

const ended = (run: string, timeoutMs = 40_000): Promise<RunDetail> =>
  eventually(`run ${run} ends`, () => detailOf(run, ({ status }) => isTerminal(status)), timeoutMs);

function detailOf(run: string, wanted: (detail: RunDetail) => boolean): RunDetail | undefined {
  using history = lab.history();
  const detail = history?.run(run);
  return detail !== undefined && wanted(detail) ? detail : undefined;
}

/** The first line of the ledger that tells that a worker is at the step. */
const begun = (service: LabService, step: string): Promise<Entry> =>
  eventually(`${step} begins`, () =>
    ledgerOf(service.folder).find((entry) => entry.what === 'begin' && entry.step === step),
  );

const starts = (service: LabService, step: string): Entry[] =>
  ledgerOf(service.folder).filter((entry) => entry.what === 'begin' && entry.step === step);

function problems(service: LabService): string[] {
  using history = lab.history();
  const runs = history?.runs({ service: service.name, limit: 100 }).toReversed() ?? [];
  return judgeService(service, runs, new Map()).map(({ text }) => text);
}

const isAlive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('a worker', () => {
  test('that is killed is replaced within ten seconds, and its step is told in plain words', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ pace: 700 });
    const { pid } = await begun(service, 'write');

    const killedAt = Date.now();
    process.kill(pid, 'SIGKILL');
    const { status, story } = await ended(run);

    expect(status).toBe('succeeded');
    expect(starts(service, 'write')[1]?.at).toBeLessThan(killedAt + 10_000);
    expect(story.map(({ text }) => text).join('\n')).toMatch(
      /worker nas died in step write.*; resumed at \d\d:\d\d:\d\d on attempt 2/,
    );
    expect(problems(service)).toEqual([]);
  });

  test('whose event loop is blocked for longer than a lock is not taken for dead', async (context) => {
    needs(context, 'redis-server');
    await writeFile(join(lab.orders, 'step.effect~slow-9000~3'), '');

    const { run, service } = await drill();
    const { status } = await ended(run);

    expect(status).toBe('succeeded');
    for (const step of ['look', 'stop', 'write', 'start', 'hook', 'last'])
      expect(starts(service, step)).toHaveLength(1);
    expect(problems(service)).toEqual([]);
  });

  test('that freezes is replaced, and killed before its replacement changes anything', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ pace: 700 });
    const { pid } = await begun(service, 'write');

    process.kill(pid, 'SIGSTOP');
    const { status, story } = await ended(run);

    expect(status).toBe('succeeded');
    expect(isAlive(pid)).toBe(false);
    expect(starts(service, 'write')[1]?.pid).not.toBe(pid);
    expect(story.map(({ text }) => text).join('\n')).toMatch(
      /worker nas did not answer any more and was ended in step write.*; resumed at .* on attempt 2/,
    );
    expect(problems(service)).toEqual([]);
  });

  test('that is cut off from Redis stops its step before anybody else begins it', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ pace: 4_000 });
    await begun(service, 'write');

    lab.proxy.set('half-open');
    await eventually(
      'the step is given up',
      () => ledgerOf(service.folder).some((entry) => entry.what === 'end' && entry.step === 'write'),
      15_000,
    );
    lab.proxy.set('whole');
    const { status } = await ended(run, 90_000);

    expect(status).toBe('succeeded');
    expect(problems(service)).toEqual([]);
  }, 120_000);
});

describe('a controller', () => {
  test('that is killed finds its runs again and goes on with them', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ pace: 300 });
    await begun(service, 'write');

    process.kill(lab.pids()['controller'] ?? 0, 'SIGKILL');
    const { status, story } = await ended(run);

    expect(status).toBe('succeeded');
    expect(story.map(({ text }) => text)).toContain('the controller was started again; the run goes on');
    expect(problems(service)).toEqual([]);
  });
});

describe('Redis', () => {
  test('that loses everything is filled again from the history, and no run is lost', async (context) => {
    needs(context, 'redis-server');
    const drills = await Promise.all([drill({ pace: 500 }), drill({ pace: 200, fail: 'last' })]);
    await Promise.all(drills.map(({ service }) => begun(service, 'stop')));

    const redis = await reachRedis({ socket: managedSocket(lab.stateDir) });
    await redis.flushall();
    redis.disconnect();
    const statuses = await Promise.all(drills.map(async ({ run }) => (await ended(run, 60_000)).status));

    expect(statuses).toEqual(['succeeded', 'rolled_back']);
    for (const { service } of drills) expect(problems(service)).toEqual([]);
  }, 90_000);
});

describe('a cancel', () => {
  test('ends the whole family of a command within ten seconds, and then puts things back', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ hang: 'side-a' });
    const family = async () =>
      (await processesOf(service.folder)).filter(({ command }) => command.includes('family.sh'));
    await eventually('the whole family is there', async () => (await family()).length === 3);

    const asked = Date.now();
    await using controller = await lab.connect();
    await controller.cancel(run);
    await eventually('the family is gone', async () => (await family()).length === 0);

    expect(Date.now() - asked).toBeLessThan(10_000);
    expect((await ended(run)).status).toBe('cancelled');
    expect(problems(service)).toEqual([]);
  });
});

test('a step that ignores its signal takes its whole worker with it', async (context) => {
  needs(context, 'redis-server');
  const { run, service } = await drill({ deaf: 'write' });
  const { pid } = await begun(service, 'write');

  await using controller = await lab.connect();
  await controller.cancel(run);
  const { status } = await ended(run);

  expect(status).toBe('cancelled');
  expect(isAlive(pid)).toBe(false);
  expect(starts(service, 'write')).toHaveLength(1);
  expect(problems(service)).toEqual([]);
});

describe('everything', () => {
  test('told to stop in the middle of a run lets the step end, and goes on with the run at the next start', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ pace: 1_000 });
    await begun(service, 'write');

    await lab.stop();
    const left = detailOf(run, () => true);
    await lab.start();
    const { status } = await ended(run);

    expect(left?.status).toBe('running');
    expect(status).toBe('succeeded');
    expect(starts(service, 'write')).toHaveLength(1);
    expect(problems(service)).toEqual([]);
  }, 60_000);

  test('told to stop while a step works on and on cuts it short after a grace, leaves nothing behind, and goes on with it at the next start', async (context) => {
    needs(context, 'redis-server');
    const { run, service } = await drill({ hang: 'side-a' });
    const family = async () =>
      (await processesOf(service.folder)).filter(({ command }) => command.includes('family.sh')).length;
    await eventually('the whole family is there', async () => (await family()) === 3);

    await lab.stop();
    const left = { status: detailOf(run, () => true)?.status, family: await family() };
    await lab.start();
    const startedAt = Date.now();
    await eventually('the step works again', async () => (await family()) === 3);
    const resumedMs = Date.now() - startedAt;
    await using controller = await lab.connect();
    await controller.cancel(run);
    const { status, story } = await ended(run);

    expect(left).toEqual({ status: 'running', family: 0 });
    expect(resumedMs).toBeLessThan(5_000);
    expect(status).toBe('cancelled');
    expect(story.map(({ text }) => text).join('\n')).toMatch(/worker nas was stopped in step side-a.*; resumed at/);
    expect(problems(service)).toEqual([]);
  }, 90_000);
});
