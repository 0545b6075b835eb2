/** Several hosts on one Redis: the controller here, the service and its worker there. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import type { TestRedis } from '#test/support/redis.ts';
import { startRedis } from '#test/support/redis.ts';

let redis: TestRedis;
let lab: TestHomelab;

beforeAll(async () => {
  redis = await startRedis('--requirepass', 'only-here');
  lab = await startHomelab(`version: 1
global: { name: test, host: a, state_dir: DIR/a/state, log_dir: DIR/a/log }
redis: { url_file: DIR/redis-url }
hosts: { b: {} }
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - name: notes
    type: generic
    host: b
    backup:
      paths: [DIR/data]
      destinations: [usb]
      commands: { before: [[sh, -c, "echo $$$$PPID > DIR/before.txt"]] }
`);
  await lab.write('redis-url', redis.url.replace('//', '//:only-here@'));
  await lab.write('data/a.txt', 'one');
  // The other host needs no services in its file: a worker knows Redis, and what a step tells it.
  await lab.write(
    'b.yaml',
    `global: { host: b, state_dir: ${lab.dir}/b/state, log_dir: ${lab.dir}/b/log }\nredis: { url_file: ${lab.dir}/redis-url }\n`,
  );
  await lab.start(['up', '--no-ui']);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

test('a service on another host is backed up by the worker there, and only by it', async () => {
  const { stdout } = await lab.cli(['enqueue', 'backup', 'notes', '--json']);
  const [{ id }] = JSON.parse(stdout).runs;
  const waiting = JSON.parse((await lab.cli(['runs', 'show', id, '--json'])).stdout);
  expect(waiting.status).toBe('running');

  await lab.start(['worker', '--host', 'b', '--kinds', 'service'], 'b.yaml');
  const followed = await lab.backup('notes');

  expect(followed.status).toBe('succeeded');
  expect(followed.steps.every(({ host }) => host === 'b')).toBe(true);
  const first = JSON.parse((await lab.cli(['runs', 'show', id, '--json'])).stdout);
  expect(first.status).toBe('succeeded');
  expect(await readFile(join(lab.dir, 'before.txt'), 'utf8')).toMatch(/^\d+/);
});

test('a Redis that may throw jobs away is told of when everything starts, with the setting that cures it', async () => {
  await using careless = await startRedis('--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no');
  const folders = `state_dir: ${lab.dir}/d/state, log_dir: ${lab.dir}/d/log`;
  await lab.write('careless.yaml', `global: { ${folders} }\nredis: { url: "${careless.url}" }\n`);

  const stack = await lab.start(['up', '--no-ui'], 'careless.yaml');
  await stack.stop();

  const told = await stack.stderr;
  expect(told).toContain('warning: redis: maxmemory-policy is allkeys-lru');
  expect(told).toContain('warning: redis: nothing is written to disk: set  appendonly yes');
});

test('a host that no configuration names cannot be joined', async () => {
  const { status, stderr } = await lab.cli(['worker', '--host', 'c']);

  expect(status).toBe(2);
  expect(stderr).toContain('there is no host "c"');
});

test('the password of Redis stands in no process list of ours, and is not shown', async () => {
  const { stdout } = await lab.cli(['config', 'show']);

  const others = (await commandLines()).filter(({ pid }) => pid !== redis.pid);
  expect(others.filter(({ words }) => words.includes('only-here'))).toEqual([]);
  expect(others.some(({ words }) => words.includes(lab.dir))).toBe(true);
  expect(stdout).not.toContain('only-here');
});

/** What `ps` shows of every process. */
async function commandLines(): Promise<{ pid: number; words: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = pids.map(async (pid) => {
    // One may end while it is looked at.
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return { pid: Number(pid), words };
  });
  return Promise.all(read);
}

test('a worker without a Redis to join says what is missing', async () => {
  await lab.write('alone.yaml', `global: { host: b, state_dir: ${lab.dir}/c/state, log_dir: ${lab.dir}/c/log }\n`);

  const { status, stderr } = await lab.cli(['worker', '--host', 'b'], 'alone.yaml');

  expect(status).toBe(2);
  expect(stderr).toContain('redis.url');
});
