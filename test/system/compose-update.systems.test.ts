/** Updates of a Compose project on a real engine, from a real registry: the new image works, or image, configuration and data are back. */
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { IMAGE } from '#test/support/docker.ts';

let it: ComposeLab;

beforeAll(async () => {
  if (canRunCompose()) it = await startComposeLab({}, vi.stubEnv);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await it?.[Symbol.asyncDispose]();
});

// What is rolled back once is held from then on, so that no two tests roll the same version back.

beforeEach(async (context) => {
  needsCompose(context);
  await it.open();
});

const imageOf = async (reference: string) => it.engine.docker('image', 'inspect', '--format', '{{.Id}}', reference);

test('a newer minor version is taken: its image runs, and only the tag has changed in the compose file', async () => {
  await it.release('1.1');
  await it.release('2.0');

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'succeeded', reason: null });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.1\nprecious');
  expect(await it.written('compose.yaml')).toBe(shopFile(`${it.image()}:1.1`));
});

test('a tag that moved to an image that spoils the data is rolled back: the old image, the old data, the tag as well', async () => {
  const old = await it.runningImage();
  await it.release('1.0', { bad: true });

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(update.reason).toContain('gate');
  expect(await it.runningImage()).toBe(old);
  expect(await imageOf(`${it.image()}:1.0`)).toBe(old);
  expect(await it.inWeb('cat', '/data/schema', '/data/note')).toBe('1.0\nprecious');
});

test('a version that is rolled back leaves the compose file as it was, to the byte', async () => {
  const before = await it.written('compose.yaml');
  await it.release('1.7', { bad: true });

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await it.written('compose.yaml')).toBe(before);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  // Not a second time by itself.
  expect(await it.run('update')).toMatchObject({ status: 'skipped' });
});

test('a rollback by hand finds the old image also after a cleaning up, with the registry away', async () => {
  const old = await it.runningImage();
  await it.release('1.1', { as: '1.0' });
  await it.run('update');
  await it.registry.pause();
  await it.engine.docker('image', 'prune', '--force');

  const rollback = await it.run('rollback');

  await it.registry.resume();
  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await it.runningImage()).toBe(old);
});

test('a rollback by hand fetches an image again that was removed, and configuration comes back with it', async () => {
  await it.release('1.1');
  await it.run('update');
  await writeFile(join(it.project, '.env'), 'COLOUR=red\n');
  await it.inWeb('sh', '-c', 'echo changed > /data/note');
  await it.engine.docker('image', 'prune', '--all', '--force');

  const rollback = await it.run('rollback');

  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  expect(await it.written('.env')).toBe('COLOUR=blue\n');
  expect(await it.written('compose.yaml')).toBe(shopFile(`${it.image()}:1.0`));
});

test('a rollback of the image alone leaves data and configuration as they are', async () => {
  await it.release('1.1');
  await it.run('update');
  await writeFile(join(it.project, '.env'), 'COLOUR=red\n');
  await it.inWeb('sh', '-c', 'echo changed > /data/note');

  const rollback = await it.run('rollback', ['data=false', 'config=false']);

  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nchanged');
  expect(await it.written('.env')).toBe('COLOUR=red\n');
});

test('an image that does not exist, or is made for another machine, changes nothing', async () => {
  const old = await it.container();
  const { digest } = await it.release('1.2', { platforms: ['linux/s390x'] });

  const missing = await it.run('update', ['to=9.9']);
  const foreign = await it.run('update', ['to=1.2']);

  expect(missing).toMatchObject({ status: 'failed' });
  expect(foreign).toMatchObject({ status: 'failed', reason: expect.stringContaining('made for linux/s390x') });
  // What nobody has named is not taken either: it is held.
  expect(await it.run('update')).toMatchObject({ status: 'skipped' });
  expect(await it.engine.docker('image', 'ls', '--digests')).not.toContain(digest);
  expect(await it.container()).toBe(old);
  expect(await it.written('compose.yaml')).toBe(shopFile(`${it.image()}:1.0`));
});

test('a registry that is down is no proof that nothing is newer', async () => {
  await it.release('1.1');
  await it.registry.pause();

  const update = await it.run('update');

  await it.registry.resume();
  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toContain('nobody can say');
});

test.each([
  ['update', '1.6', 'succeeded'],
  ['standby', '1.8', 'rolled_back'],
] as const)(
  'a worker that is killed in the middle of %s leaves no project half changed',
  async (action, tag, status) => {
    await it.release(tag, { bad: status === 'rolled_back' });
    await writeFile(join(it.faults, `step.effect~die~${PASSES[action]}`), '');

    const update = await it.run('update');

    expect(update).toMatchObject({ status });
    await access(join(it.faults, 'done~step.effect'));
    await rm(join(it.faults, 'done~step.effect'));
    expect(await it.inWeb('cat', '/data/note')).toBe('precious');
    expect(await it.inWeb('cat', '/version')).toBe(status === 'succeeded' ? tag : '1.0');
  },
);

/** How many steps of an update have taken effect when this one has; the gate, which fails before the standby, has none. */
const PASSES = { update: 16, standby: 17 };

test('a project is restored whole on an engine that has nothing of it', async () => {
  await it.run('backup');
  await it.engine.clear();
  await rm(it.project, { recursive: true });
  await it.engine.docker('image', 'rm', '--force', `${it.image()}:1.0`);

  const restored = await it.run('restore');

  expect(restored).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  expect(await it.written('compose.yaml')).toBe(shopFile(`${it.image()}:1.0`));
});

test('a container that shares the network of an updated one is made anew with it, and on the way back again', async () => {
  const sidecar = `  side: { image: "${IMAGE}", network_mode: "service:web", init: true, command: [sleep, "1000"] }\nvolumes:`;
  await it.lab.write('shop/compose.yaml', shopFile(`${it.image()}:1.0`).replace(/^volumes:/m, sidecar));
  await it.engine.compose(it.project, 'up', '-d');
  const networkOf = async () => {
    const id = await it.engine.docker('ps', '-q', '--filter', 'label=com.docker.compose.service=side');
    return it.engine.docker('inspect', '--format', '{{.HostConfig.NetworkMode}} {{.State.Running}}', id);
  };
  const webId = async () =>
    it.engine.docker('ps', '-q', '--no-trunc', '--filter', 'label=com.docker.compose.service=web');
  await it.release('1.1');
  await it.release('1.9', { bad: true });

  const update = await it.run('update', ['to=1.1']);
  const after = [await networkOf(), `container:${await webId()} true`];
  const failed = await it.run('update');

  expect([update.status, failed.status]).toEqual(['succeeded', 'rolled_back']);
  expect(after[0]).toBe(after[1]);
  expect(await networkOf()).toBe(`container:${await webId()} true`);
});

test('a volume that another project uses is not rolled back unless its owner says so', async () => {
  await it.release('1.1');
  await it.engine.docker('run', '-d', '--network', 'none', '-v', 'shop_files:/data', IMAGE, 'sleep', '1000');

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toContain('volume shop_files is also used by');
  expect(await it.inWeb('cat', '/version')).toBe('1.0');
});
