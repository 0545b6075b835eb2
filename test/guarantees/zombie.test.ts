/** A worker that stands still, where nobody can end it: it is not replaced too soon, and does not go on too late. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTestEngine } from '#test/support/engine.ts';
import { planOf, step } from '#test/support/plans.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

interface Elsewhere extends AsyncDisposable {
  pid: number;
  /** The signal that ended it. */
  endedBy(): NodeJS.Signals | null;
  ledger(): string[];
}

/** A worker of host attic. */
async function elsewhere(url: string, mode = ''): Promise<Elsewhere> {
  const dir = await tempDir();
  const file = join(dir.path, 'ledger');
  const script = join(root, 'test', 'fixtures', 'workers', 'elsewhere.ts');
  const child = spawn(process.execPath, [script, url, file, mode], { stdio: 'inherit' });
  return {
    pid: child.pid ?? 0,
    endedBy: () => child.signalCode,
    ledger: () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      await dir[Symbol.asyncDispose]();
    },
  };
}

test('a worker of another machine that wakes up after its step was taken over changes nothing any more', async () => {
  await using bed = await startTestEngine(async () => ({}));
  await using frozen = await elsewhere(bed.url);
  const run = await bed.request(planOf(step('forever', { host: 'attic', timeoutMs: 60_000 })));
  await eventually('it changes something', () => frozen.ledger().some((line) => line.startsWith('changed')));
  process.kill(frozen.pid, 'SIGSTOP');
  const takenOver = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await using _replacement = await bed.addWorker('attic', async () => {
    takenOver.resolve();
    await release.promise;
    return {};
  });
  await takenOver.promise;
  const before = frozen.ledger().length;

  process.kill(frozen.pid, 'SIGCONT');
  await eventually('it has noticed', () => frozen.ledger().includes('forever ended'));
  release.resolve();
  const { status } = await bed.ended(run);

  expect(frozen.ledger().slice(before)).toEqual(['forever ended']);
  expect(status).toBe('succeeded');
}, 60_000);

test('a step that was given to a worker while its event loop stood still is not taken from it', async () => {
  await using bed = await startTestEngine(async () => ({}));
  await using busy = await elsewhere(bed.url, 'late');
  await eventually('it waits for work', () => busy.ledger().includes('waits for work'));
  const run = await bed.request(planOf(step('a', { host: 'attic', timeoutMs: 60_000 })));
  await eventually('it stands still', () => busy.ledger().includes('stands still'));
  const taken: string[] = [];
  await using _other = await bed.addWorker('attic', async ({ step: { key } }) => {
    taken.push(key);
    return {};
  });

  const { status } = await eventually(
    'the run ends',
    () => {
      const detail = bed.history.run(run);
      return detail.finishedAt === null ? undefined : detail;
    },
    40_000,
  );

  expect(status).toBe('succeeded');
  expect(taken).toEqual([]);
  expect(busy.ledger().filter((line) => line === 'a began')).toHaveLength(1);
}, 60_000);

test('a worker whose event loop never comes back is ended when its step is long over its time, and the step goes on elsewhere', async () => {
  await using bed = await startTestEngine(async () => ({}));
  await using lost = await elsewhere(bed.url);
  const run = await bed.request(planOf(step('endless', { host: 'attic', timeoutMs: 5_000 })));
  await eventually('it is lost', () => lost.ledger().includes('endless began'));
  await using _other = await bed.addWorker('attic', async () => ({}));

  await eventually('it is ended', () => lost.endedBy() === 'SIGKILL', 20_000);
  const { status } = await eventually(
    'the run ends',
    () => {
      const detail = bed.history.run(run);
      return detail.finishedAt === null ? undefined : detail;
    },
    30_000,
  );

  expect(status).toBe('succeeded');
}, 60_000);
