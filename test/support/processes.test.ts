/** The leak check must see what tests leave behind, or its silence means nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { processesOf } from '#test/support/processes.ts';
import { startRedis } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';

test.each([
  ['runs in the directory', (directory: string) => ({ cwd: directory, env: {} })],
  ['got it as its TMPDIR', (directory: string) => ({ cwd: '/', env: { TMPDIR: directory } })],
])('a process that %s is seen until it has ended', async (_, place) => {
  await using dir = await tempDir();
  const child = spawn('/bin/sleep', ['60'], { ...place(dir.path), stdio: 'ignore' });
  await once(child, 'spawn');

  const during = await processesOf(dir.path);
  child.kill('SIGKILL');
  await once(child, 'exit');

  expect(during.map(({ pid }) => pid)).toEqual([child.pid]);
  expect(await processesOf(dir.path)).toEqual([]);
});

test('a Redis is seen, although it overwrites its own environment', async () => {
  await using redis = await startRedis();

  expect((await processesOf(redis.directory)).map(({ pid }) => pid)).toContain(redis.pid);
});
