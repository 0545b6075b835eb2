/** The points at which a test may meddle: each order is obeyed once, at the right passage, by whoever passes it. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PASSAGES_FILE } from '#kernel/fault.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const PASSER = `
  import { faultPoint } from '#kernel/fault.ts';
  for (let n = 1; n <= 3; n++) {
    const begun = Date.now();
    try {
      faultPoint('step.before');
      process.stdout.write(n + (Date.now() - begun > 200 ? ' slow' : ' passed') + ',');
    } catch {
      process.stdout.write(n + ' failed,');
    }
  }
`;

/** Passes the point three times. */
function passer(orders: string | undefined): { child: ChildProcess; said(): string; ended: Promise<unknown> } {
  const { HOMELAB_AUTOPILOT_FAULTS: _none, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', PASSER], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: orders === undefined ? env : { ...env, HOMELAB_AUTOPILOT_FAULTS: orders },
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, said: () => text, ended: once(child, 'close') };
}

test('without orders every point is passed', async () => {
  const { said, ended } = passer(undefined);

  await ended;

  expect(said()).toBe('1 passed,2 passed,3 passed,');
});

test.each([
  ['fail', '1 passed,2 failed,3 passed,', null],
  ['slow-300', '1 passed,2 slow,3 passed,', null],
  ['die', '1 passed,', 'SIGKILL'],
])('the order to %s is obeyed at the second passage, and never again', async (action, words, signal) => {
  await using orders = await tempDir();
  await writeFile(join(orders.path, `step.before~${action}~2`), '');

  const first = passer(orders.path);
  await first.ended;
  const second = passer(orders.path);
  await second.ended;

  expect({ said: first.said(), signal: first.child.signalCode }).toEqual({ said: words, signal });
  expect(second.said()).toBe('1 passed,2 passed,3 passed,');
});

test('the order to freeze stops the process until somebody lets it go on', async () => {
  await using orders = await tempDir();
  await writeFile(join(orders.path, 'step.before~freeze~3'), '');
  const { child, said, ended } = passer(orders.path);

  await eventually('it is stopped', () => / \(node\S*\) T | T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')));
  child.kill('SIGCONT');
  await ended;

  expect(said()).toBe('1 passed,2 passed,3 passed,');
});

test('the order to hold keeps the process until the file is removed, and every passage is written down', async () => {
  await using orders = await tempDir();
  await writeFile(join(orders.path, PASSAGES_FILE), '');
  await writeFile(join(orders.path, 'step.before~hold~1'), '');
  const { said, ended } = passer(orders.path);

  await eventually('it is held', async () => (await readdir(orders.path)).includes('held~step.before'));
  expect(said()).toBe('');
  await rm(join(orders.path, 'held~step.before'));
  await ended;

  const passages = await readFile(join(orders.path, PASSAGES_FILE), 'utf8');
  expect(passages.trim().split('\n')).toHaveLength(3);
});
