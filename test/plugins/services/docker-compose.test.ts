/** Compose projects on a real engine: what is in their backups, and that what was stopped runs again. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import { instanceSchema } from '#host/plugin-config.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { compose } from '#plugins/services/docker-compose/docker.ts';
import { plugin } from '#plugins/services/docker-compose/index.ts';
import { SHOP, type Shop, startShop } from '#test/plugins/services/shop.ts';
import { canRunDocker, composePlugin, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

let engine: TestEngine;
let harness: PluginHarness;

beforeAll(async () => {
  if (canRunDocker()) engine = await startDocker();
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

describe('a project', () => {
  let stack: Shop;
  let dir: Awaited<ReturnType<typeof tempDir>>;

  beforeAll(async () => {
    dir = await tempDir();
    if (canRunDocker()) stack = await startShop(engine, dir.path);
  });
  afterAll(async () => {
    await engine?.clear();
    await dir[Symbol.asyncDispose]();
  });
  beforeEach(async (context) => {
    needsDocker(context);
    harness = await openPlugin(plugin);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await harness[Symbol.asyncDispose]();
  });

  const runsNow = async (service: string) => (await stack.state(service)).running;
  const mountpoint = async (volume: string) =>
    engine.docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `shop_${volume}`);

  test('is backed up with its directory and its named volumes', async () => {
    const exclude = ['**/thumbnails'];

    const output = await harness.run('sources', stack.config({ exclude, paths: ['./data'] }));

    const paths = [stack.path, await mountpoint('files'), await mountpoint('tables')];
    expect(output['sources']).toEqual(paths.map((path) => ({ path, exclude })));
  });

  test('is backed up with what lies elsewhere only when that is named', async () => {
    const output = await harness.run('sources', stack.config({ paths: ['../media'] }));

    expect(output['sources']).toContainEqual({ path: stack.media, exclude: [] });
  });

  test('says before anything is stopped what will not be in the backup', async () => {
    const { warnings } = await harness.run('sources', stack.config());

    expect(warnings).toContain(`not in the backup: bind mount ${stack.media} (name it in backup.paths to have it)`);
    expect(warnings).toContainEqual(expect.stringContaining('the volume at /cache of db'));
    expect(warnings).toContainEqual(expect.stringContaining('volume shop_scratch (tmpfs from tmpfs)'));
  });

  test('goes on while its files are read, unless told otherwise', async () => {
    const output = await harness.run('quiesce', stack.config());

    expect(output).toEqual({ outage: false, summary: 'nothing to stop' });
    expect(await harness.run('resume', stack.config())).toEqual({ summary: 'nothing to start' });
  });

  test('has its services stopped in the given order, and started in reverse', async () => {
    const config = stack.config({ quiesce: { stop: ['web', 'db'] } });

    const stopped = await harness.run('quiesce', config);
    const [web, db] = [await stack.state('web'), await stack.state('db')];
    const resumed = await harness.run('resume', config);

    expect(stopped).toMatchObject({ outage: true, summary: expect.stringMatching(/^web, db stopped; outage begins/) });
    expect([web.running, db.running, web.finished < db.finished]).toEqual([false, false, true]);
    expect(resumed).toEqual({ summary: 'db, web started' });
    const [webNow, dbNow] = [await stack.state('web'), await stack.state('db')];
    expect([webNow.running, dbNow.running, dbNow.started < webNow.started]).toEqual([true, true, true]);
  });

  test('is stopped as a whole by either Compose, without starting what its owner had stopped', async () => {
    await using home = await tempDir();
    await engine.docker('stop', (await stack.state('web')).id);
    const config = stack.config({ quiesce: { stop: 'all' } });

    vi.stubEnv('HOME', await composePlugin(home.path));
    await harness.run('quiesce', config);
    const during = await runsNow('db');
    vi.unstubAllEnvs();
    await harness.run('resume', config);

    expect(await readFile(join(home.path, 'calls'), 'utf8')).toMatch(/-p shop .* stop db\n$/);
    expect([during, await runsNow('db'), await runsNow('web')]).toEqual([false, true, false]);
    await engine.docker('start', (await stack.state('web')).id);
  });

  test('is up again whatever a quiesce that was cut short and repeated has reached', async () => {
    const config = stack.config({ quiesce: { stop: ['web', 'db'] } });
    await harness.run('quiesce', config);
    await engine.docker('start', (await stack.state('db')).id);

    const again = await harness.run('quiesce', config);
    const resumed = [await harness.run('resume', config), await harness.run('resume', config)];

    expect(again).toMatchObject({ outage: true });
    expect([await runsNow('web'), await runsNow('db')]).toEqual([true, true]);
    expect(resumed).toEqual([{ summary: 'db, web started' }, { summary: 'nothing to start' }]);
  });

  test('is started again though its compose file was broken meanwhile', async () => {
    const file = join(stack.path, 'compose.yaml');
    const good = await readFile(file, 'utf8');
    const config = stack.config({ quiesce: { stop: 'all' } });
    await harness.run('quiesce', config);
    await writeFile(file, 'services: { web: { imag: x } }\n');

    const failing = harness.run('sources', config);
    await expect(failing).rejects.toMatchObject({
      code: 'HA_CONFIG_INVALID',
      message: expect.stringContaining("'imag'"),
    });
    await harness.run('resume', config);

    expect(await runsNow('web')).toBe(true);
    await writeFile(file, good);
  });

  test('is up when its containers run and its one-shot containers did well', async () => {
    const config = stack.config();
    await harness.run('validate', config);

    const output = await harness.run('inspect', config);

    expect(output).toEqual({ state: 'up', version: IMAGE, detail: 'all containers and probes are good' });
  });

  test('is down when a container is unhealthy, a service has ended, or a probe is not good', async () => {
    const probe = { type: 'command', command: ['false'] };
    await writeFile(join(await mountpoint('tables'), 'sick'), '');
    await engine.docker('stop', (await stack.state('web')).id);

    const output = await eventually('the health check sees it', async () => {
      const found = await harness.run('inspect', stack.config({}, { validate: [probe] }));
      return JSON.stringify(found).includes('unhealthy') && found;
    });
    const verdict = await harness.run('validate', stack.config(), { timeoutMs: 1 });

    expect(output['state']).toBe('down');
    expect(output['detail']).toMatch(/container db: running, unhealthy; container web: ended with status \d+; false: /);
    expect(verdict).toMatchObject({ healthy: false });
    await rm(join(await mountpoint('tables'), 'sick'));
    await engine.docker('start', (await stack.state('web')).id);
    expect(await harness.run('validate', stack.config(), { timeoutMs: 10_000 })).toMatchObject({ healthy: true });
  });

  test('with a name in stop that is no service is refused before anything is stopped, with the nearest name', async () => {
    const failed = harness.run('quiesce', stack.config({ quiesce: { stop: ['db', 'wev'] } }));

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CONFIG_INVALID',
      message: expect.stringContaining('did you mean web?'),
      next: 'its services are db, setup, web',
    });
    expect(await runsNow('db')).toBe(true);
  });

  test('without a compose file, or without a container, is told as such', async () => {
    const empty = join(dir.path, 'media');
    const idle = join(dir.path, 'idle');
    await mkdir(idle);
    await writeFile(join(idle, 'compose.yaml'), SHOP);

    const missing = harness.run('sources', { ...stack.config(), path: empty });
    await expect(missing).rejects.toMatchObject({
      code: 'HA_SOURCE_MISSING',
      message: `test: ${empty} has no compose file`,
    });
    const nowhere = harness.run('sources', { ...stack.config(), path: join(dir.path, 'nowhere') });
    await expect(nowhere).rejects.toMatchObject({ code: 'HA_SOURCE_MISSING' });
    const never = harness.run('sources', { ...stack.config(), path: idle });
    await expect(never).rejects.toMatchObject({
      code: 'HA_NOT_FOUND',
      next: expect.stringContaining('docker compose up -d'),
    });
  });

  test('whose engine does not answer, or lets this user not in, says so and names the socket', async () => {
    await using bin = await tempDir();
    const socket = join(bin.path, 'no.sock');

    const silent = harness.run('inspect', { ...stack.config(), socket });
    await expect(silent).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: `test: no Docker engine answers at ${socket}`,
    });

    const docker = execFileSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' });
    const script = `#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups ${docker.trim()} "$@"\n`;
    await writeFile(join(bin.path, 'docker'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin.path}:${process.env['PATH']}`);
    const refused = harness.run('inspect', stack.config());
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('permission denied') });
  });
});

test('without any Compose the error names what to install', async () => {
  const project = { name: 'shop', directory: '/shop', files: [] };
  const exec = async () => {
    throw new AutopilotError('HA_TOOL_MISSING', 'docker is not installed');
  };

  const failed = compose({ name: 'shop', config: { socket: '/x' }, exec }, project, { words: ['stop'] });

  await expect(failed).rejects.toMatchObject({
    code: 'HA_TOOL_MISSING',
    next: expect.stringContaining('docker-compose'),
  });
});

test.each([
  ['no path', {}],
  ['a relative path', { path: 'shop' }],
  ['a project name that looks like an option', { path: '/shop', project: '-x' }],
  ['a service name that looks like an option', { path: '/shop', backup: { quiesce: { stop: ['--all'] } } }],
  ['an unknown word for what to stop', { path: '/shop', backup: { quiesce: { stop: 'some' } } }],
  ['a glob from the root', { path: '/shop', backup: { exclude: ['/x'] } }],
  ['an unknown word for shared volumes', { path: '/shop', update: { shared_volumes: 'maybe' } }],
])('a configuration with %s is refused', (_, config) => {
  expect(instanceSchema(plugin).safeParse(config).success).toBe(false);
});
