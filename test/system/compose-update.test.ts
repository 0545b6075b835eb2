/** Updates of a Compose project on a real engine, from a real registry: the new image works, or image, configuration and data are back. */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, startRegistry, type TestRegistry } from '#test/support/registry.ts';

let engine: TestEngine;
let registry: TestRegistry;
let lab: TestHomelab;
let layer: Buffer;
let faults: string;

const canRun = () => canRunDocker() && hasTool('docker-registry');

beforeAll(async () => {
  if (!canRun()) return;
  engine = await startDocker();
  registry = await startRegistry();
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { policy: minor, min_age: 0s, gate: { timeout: 8s, stable_for: 500ms } }
services:
  - name: shop
    type: docker-compose
    path: ./shop
    project: shop
    socket: ${engine.socket}
    backup: { destinations: [usb], quiesce: { timeout: 20s } }
`);
  layer = await rootFilesystem();
  faults = join(lab.dir, 'faults');
  await mkdir(faults);
  vi.stubEnv('HOMELAB_AUTOPILOT_FAULTS', faults);
  await lab.start(['up', '--port', '0']);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await lab?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

// What is rolled back once is held from then on, so that no two tests roll the same version back.

/** Each test has a project that runs 1.0 with something precious in its volume, and nothing newer in its registry. */
let repository = 0;
beforeEach(async (context) => {
  needsDocker(context);
  needsRegistry(context);
  await engine.clear();
  repository += 1;
  await release('1.0');
  await lab.write('shop/compose.yaml', composeFile(`${name()}:1.0`));
  await lab.write('shop/.env', 'COLOUR=blue\n');
  await engine.compose(project(), 'up', '-d');
  await inWeb('sh', '-c', 'echo precious > /data/note');
});

const name = () => `${registry.host}/shop/web${repository}`;
const project = () => join(lab.dir, 'shop');

function composeFile(image: string): string {
  return `# The shop, as its owner wrote it.
services:
  web:
    image: "${image}"   # one image
    network_mode: none
    init: true
    restart: unless-stopped
    stop_grace_period: 1s
    volumes: ["files:/data"]
    environment: { COLOUR: "\${COLOUR}" }
    healthcheck: { test: [CMD, sh, -c, 'test "$$(cat /data/schema)" = "$$(cat /version)"'], interval: 1s, retries: 1 }
  setup: { image: "${IMAGE}", network_mode: none, command: ["true"] }
volumes: { files: }
`;
}

/** The files of the image that the engine has, as a layer for images that come from a registry. */
async function rootFilesystem(): Promise<Buffer> {
  const id = await engine.docker('create', IMAGE, 'true');
  const options = {
    encoding: 'buffer',
    maxBuffer: 64 << 20,
    env: { ...process.env, DOCKER_HOST: `unix://${engine.socket}` },
  } as const;
  const { stdout } = await promisify(execFile)('docker', ['export', id], options);
  await engine.docker('rm', id);
  return stdout;
}

/** An image that marks the data as its own when it starts; a bad one spoils it. */
async function release(tag: string, { bad = false, as = tag, platforms = ['linux/amd64'] } = {}): Promise<void> {
  const deed = bad ? 'echo spoiled > /data/schema; rm -f /data/note' : `echo ${tag} > /data/schema`;
  const script = `echo ${tag} > /version; ${deed}; exec sleep 1000`;
  await registry.push(`shop/web${repository}:${as}`, { layer, platforms, command: ['sh', '-c', script] });
}

async function container(): Promise<string> {
  return engine.docker('ps', '-q', '--filter', 'label=com.docker.compose.service=web');
}
const inWeb = async (...words: string[]) => engine.docker('exec', await container(), ...words);
const runningImage = async () => engine.docker('inspect', '--format', '{{.Image}}', await container());
const imageOf = async (reference: string) => engine.docker('image', 'inspect', '--format', '{{.Id}}', reference);
const written = async (file: string) => readFile(join(project(), file), 'utf8');

async function run(workflow: string, input: string[] = []): Promise<RunDetail> {
  const words = ['enqueue', workflow, 'shop', ...input.flatMap((one) => ['--input', one]), '--wait', '--json'];
  const { stdout, stderr } = await lab.cli(words);
  const [detail] = (JSON.parse(stdout || '{"runs":[]}') as { runs: RunDetail[] }).runs;
  if (detail === undefined) throw new Error(stderr);
  return detail;
}

test('a newer minor version is taken: its image runs, and only the tag has changed in the compose file', async () => {
  await release('1.1');
  await release('2.0');

  const update = await run('update');

  expect(update).toMatchObject({ status: 'succeeded', reason: null });
  expect(await inWeb('cat', '/version', '/data/note')).toBe('1.1\nprecious');
  expect(await written('compose.yaml')).toBe(composeFile(`${name()}:1.1`));
});

test('a tag that moved to an image that spoils the data is rolled back: the old image, the old data, the tag as well', async () => {
  const old = await runningImage();
  await release('1.0', { bad: true });

  const update = await run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(update.reason).toContain('gate');
  expect(await runningImage()).toBe(old);
  expect(await imageOf(`${name()}:1.0`)).toBe(old);
  expect(await inWeb('cat', '/data/schema', '/data/note')).toBe('1.0\nprecious');
});

test('a version that is rolled back leaves the compose file as it was, to the byte', async () => {
  const before = await written('compose.yaml');
  await release('1.7', { bad: true });

  const update = await run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await written('compose.yaml')).toBe(before);
  expect(await inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  // Not a second time by itself.
  expect(await run('update')).toMatchObject({ status: 'skipped' });
});

test('a rollback by hand finds the old image also after a cleaning up, with the registry away', async () => {
  const old = await runningImage();
  await release('1.1', { as: '1.0' });
  await run('update');
  await registry.pause();
  await engine.docker('image', 'prune', '--force');

  const rollback = await run('rollback');

  await registry.resume();
  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await runningImage()).toBe(old);
});

test('a rollback by hand fetches an image again that was removed, and configuration comes back with it', async () => {
  await release('1.1');
  await run('update');
  await writeFile(join(project(), '.env'), 'COLOUR=red\n');
  await inWeb('sh', '-c', 'echo changed > /data/note');
  await engine.docker('image', 'prune', '--all', '--force');

  const rollback = await run('rollback');

  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  expect(await written('.env')).toBe('COLOUR=blue\n');
  expect(await written('compose.yaml')).toBe(composeFile(`${name()}:1.0`));
});

test('a rollback of the image alone leaves data and configuration as they are', async () => {
  await release('1.1');
  await run('update');
  await writeFile(join(project(), '.env'), 'COLOUR=red\n');
  await inWeb('sh', '-c', 'echo changed > /data/note');

  const rollback = await run('rollback', ['data=false', 'config=false']);

  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await inWeb('cat', '/version', '/data/note')).toBe('1.0\nchanged');
  expect(await written('.env')).toBe('COLOUR=red\n');
});

test('an image that does not exist, or is made for another machine, changes nothing', async () => {
  const old = await container();
  await release('1.2', { platforms: ['linux/s390x'] });

  const missing = await run('update', ['to=9.9']);
  const foreign = await run('update', ['to=1.2']);

  expect(missing).toMatchObject({ status: 'failed' });
  expect(foreign.status).not.toBe('succeeded');
  expect(await container()).toBe(old);
  expect(await written('compose.yaml')).toBe(composeFile(`${name()}:1.0`));
});

test('a registry that is down is no proof that nothing is newer', async () => {
  await release('1.1');
  await registry.pause();

  const update = await run('update');

  await registry.resume();
  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toContain('nobody can say');
});

test.each([
  ['update', '1.1', 'succeeded'],
  ['standby', '1.8', 'rolled_back'],
] as const)(
  'a worker that is killed in the middle of %s leaves no project half changed',
  async (action, tag, status) => {
    await release(tag, { bad: status === 'rolled_back' });
    await writeFile(join(faults, `step.effect~die~${PASSES[action]}`), '');

    const update = await run('update');

    expect(update).toMatchObject({ status });
    await access(join(faults, 'done~step.effect'));
    await rm(join(faults, 'done~step.effect'));
    expect(await inWeb('cat', '/data/note')).toBe('precious');
    expect(await inWeb('cat', '/version')).toBe(status === 'succeeded' ? '1.1' : '1.0');
  },
);

/** How many steps of an update have taken effect when this one has. */
const PASSES = { update: 15, standby: 17 };

test('a project is restored whole on an engine that has nothing of it', async () => {
  await run('backup');
  await engine.clear();
  await rm(project(), { recursive: true });
  await engine.docker('image', 'rm', '--force', `${name()}:1.0`);

  const restored = await run('restore');

  expect(restored).toMatchObject({ status: 'succeeded' });
  expect(await inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  expect(await written('compose.yaml')).toBe(composeFile(`${name()}:1.0`));
});

test('a container that shares the network of an updated one is made anew with it, and on the way back again', async () => {
  const sidecar = `  side: { image: "${IMAGE}", network_mode: "service:web", init: true, command: [sleep, "1000"] }\nvolumes:`;
  await lab.write('shop/compose.yaml', composeFile(`${name()}:1.0`).replace(/^volumes:/m, sidecar));
  await engine.compose(project(), 'up', '-d');
  const networkOf = async () => {
    const id = await engine.docker('ps', '-q', '--filter', 'label=com.docker.compose.service=side');
    return engine.docker('inspect', '--format', '{{.HostConfig.NetworkMode}} {{.State.Running}}', id);
  };
  const webId = async () => engine.docker('ps', '-q', '--no-trunc', '--filter', 'label=com.docker.compose.service=web');
  await release('1.1');
  await release('1.9', { bad: true });

  const update = await run('update', ['to=1.1']);
  const after = [await networkOf(), `container:${await webId()} true`];
  const failed = await run('update');

  expect([update.status, failed.status]).toEqual(['succeeded', 'rolled_back']);
  expect(after[0]).toBe(after[1]);
  expect(await networkOf()).toBe(`container:${await webId()} true`);
});

test('a volume that another project uses is not rolled back unless its owner says so', async () => {
  await release('1.1');
  await engine.docker('run', '-d', '--network', 'none', '-v', 'shop_files:/data', IMAGE, 'sleep', '1000');

  const update = await run('update');

  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toContain('volume shop_files is also used by');
  expect(await inWeb('cat', '/version')).toBe('1.0');
});
