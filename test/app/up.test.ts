/** `up` as a whole: who may not start, and what is left as it was then. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSettings } from '#app/settings.ts';
import type { Running } from '#app/up.ts';
import { up } from '#app/up.ts';
import { redisFindings } from '#cli/doctor/redis.ts';
import { mountSmallDisk } from '#test/chaos/disk.ts';
import { needs } from '#test/support/needs.ts';
import { startRedis } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';

const quiet = { onDeath: () => undefined, onRestart: () => undefined };

async function settingsIn(dir: string, stateDir: string, more = '') {
  const config = join(dir, 'homelab.yaml');
  await writeFile(config, `version: 1\nglobal: { host: nas, state_dir: ${stateDir}, log_dir: ${dir}/log }\n${more}`, {
    mode: 0o600,
  });
  return loadSettings({ config });
}

test('a second one on the same state directory is refused with the pid of the first, which does not notice', async (context) => {
  needs(context, 'redis-server');
  await using dir = await tempDir();
  const settings = await settingsIn(dir.path, join(dir.path, 'state'));
  const stop = new AbortController();
  const deaths: string[] = [];
  const ready = Promise.withResolvers<Running>();
  const first = up(settings, {
    ui: false,
    signal: stop.signal,
    onReady: ready.resolve,
    events: { ...quiet, onDeath: ({ name }) => deaths.push(name) },
  });
  await Promise.race([ready.promise, first]);

  const second = up(settings, {
    ui: false,
    signal: stop.signal,
    onReady: () => undefined,
    events: quiet,
  });
  const refusal = await second.catch((error: unknown) => error);
  stop.abort();
  await first;

  expect(refusal).toMatchObject({
    code: 'HA_CONTROLLER_RUNNING',
    message: expect.stringContaining(`pid ${process.pid}`),
  });
  expect(deaths).toEqual([]);
}, 60_000);

test('a state directory that cannot be written is named, and not taken for one that is in use', async (context) => {
  needs(context, 'redis-server');
  await using dir = await tempDir();
  await using disk = await mountSmallDisk(join(dir.path, 'disk'), 4);
  if (disk === undefined) return context.skip('mounting is not allowed here');
  const stateDir = join(disk.path, 'state');
  await mkdir(stateDir);
  await writeFile(join(stateDir, 'controller.lock'), '');
  const settings = await settingsIn(dir.path, stateDir);
  await disk.readOnly();

  const signal = AbortSignal.timeout(20_000);
  const refusal = await up(settings, {
    ui: false,
    signal,
    onReady: () => undefined,
    events: quiet,
  }).catch((error: unknown) => error);

  expect(refusal).toMatchObject({
    code: 'HA_STATE_UNUSABLE',
    message: expect.stringContaining(stateDir),
    next: expect.stringContaining('state_dir'),
  });
}, 60_000);

test('a Redis of your own that may throw jobs away is warned of when everything is ready', async (context) => {
  needs(context, 'redis-server');
  await using dir = await tempDir();
  await using redis = await startRedis('--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no');
  const settings = await settingsIn(dir.path, join(dir.path, 'state'), `redis: { url: "${redis.url}" }\n`);
  const stop = new AbortController();
  const ready = Promise.withResolvers<Running>();

  const running = up(settings, { ui: false, signal: stop.signal, onReady: ready.resolve, events: quiet });
  await Promise.race([ready.promise, running]);
  const { warnings } = await ready.promise;
  const findings = await redisFindings(settings);
  stop.abort();
  await running;

  expect(warnings.join('\n')).toMatch(/maxmemory-policy is allkeys-lru[\s\S]*appendonly yes/);
  expect(findings[0]).toMatchObject({ check: 'redis', status: 'warning', next: warnings.join('; ') });
}, 60_000);
