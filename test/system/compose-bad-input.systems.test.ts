/** What can be wrong with a Compose project, its registry and its engine: a clear error, the service runs, nothing is lost. */

import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { FaultPoint } from '#kernel/fault.ts';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { IMAGE } from '#test/support/docker.ts';
import { type RegistryProxy, startRegistryProxy } from '#test/support/registry-proxy.ts';

let it: ComposeLab;
let proxy: RegistryProxy;

beforeAll(async () => {
  if (!canRunCompose()) return;
  const more = `  - name: sharing
    type: docker-compose
    path: ./shop
    project: shop
    socket: SOCKET
    backup: { destinations: [usb] }
    update: { shared_volumes: allow }
`;
  it = await startComposeLab({ more }, vi.stubEnv);
  proxy = await startRegistryProxy(it.registry.host);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy?.[Symbol.asyncDispose]();
  await it?.[Symbol.asyncDispose]();
});
beforeEach(needsCompose);
afterEach(async () => {
  if (proxy === undefined) return;
  proxy.trouble = 'none';
  for (const order of await readdir(it.faults)) await rm(join(it.faults, order), { force: true });
});

const updateHeldAt = (point: FaultPoint, passage: number) => it.heldAt('update', { point, passage });

const untouched = async (container: string) => {
  expect(await it.container()).toBe(container);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
};

test.each([
  ['wants a password', 'unauthorized'],
  ['limits requests', 'limited'],
  ['breaks off in the middle of a download', 'cut'],
] as const)('a registry that %s changes nothing', async (_, trouble) => {
  await it.open((image) => shopFile(image.replace(it.registry.host, proxy.host)));
  await it.release('1.1');
  const old = await it.container();
  proxy.trouble = trouble;

  const update = await it.run('update');

  expect(update.status).toBe('failed');
  expect(update.reason).toMatch(trouble === 'cut' ? /step "fetch"/ : /nobody can say/);
  await untouched(old);
});

test.each([
  ['has errors', 'services: { web: { imag: x } }\n', "'imag'"],
  ['is missing', null, 'has no compose file'],
  [
    'does not name the service any more',
    `services: { setup: { image: "${IMAGE}", network_mode: none } }\n`,
    'names the image of web',
  ],
])('a compose file that %s stops an update before anything is done', async (_, text, said) => {
  await it.open();
  await it.release('1.1');
  const old = await it.container();
  const file = join(it.project, 'compose.yaml');
  await (text === null ? rm(file) : writeFile(file, text));

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'failed', reason: expect.stringContaining(said) });
  expect(update.steps.filter(({ status }) => status === 'succeeded').map(({ action }) => action)).not.toContain(
    'quiesce',
  );
  await untouched(old);
});

test('an image that stands in an anchor is not guessed at; one whose tag moved needs no writing', async () => {
  const anchored = (image: string) =>
    `x-base: &base\n  image: "${image}"\n${shopFile(image).replace(/ {4}image: .*\n/, '    <<: *base\n')}`;
  await it.open(anchored);
  await it.release('1.0', { first: 'echo moved > /moved' });

  const moved = await it.run('update');
  await it.release('1.1');
  const refused = await it.run('update');

  expect(refused).toMatchObject({ status: 'failed', reason: expect.stringContaining('in its own lines') });
  expect(moved).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/moved', '/data/note')).toBe('moved\nprecious');
});

test('a service that is built here goes back with the others when one of them is rolled back', async () => {
  const built = `  tool: { build: ., network_mode: none, init: true, command: [sleep, "1000"] }\n`;
  await it.open();
  await it.lab.write('shop/Dockerfile', `FROM ${IMAGE}\n`);
  await it.lab.write('shop/compose.yaml', shopFile(`${it.image()}:1.0`, { more: built }));
  vi.stubEnv('DOCKER_BUILDKIT', '0');
  await it.engine.compose(it.project, 'up', '-d');
  const tool = await it.engine.docker('inspect', '--format', '{{.Image}}', await it.container('tool'));
  // Held from then on: no other test has this version.
  await it.release('1.7', { bad: true });

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  expect(await it.engine.docker('inspect', '--format', '{{.Image}}', await it.container('tool'))).toBe(tool);
});

test('a port that the compose file publishes and somebody else has taken stops an update before anything is done', async () => {
  await it.open();
  await it.release('1.1');
  const old = await it.container();
  const thief = createServer().listen(18096, '127.0.0.1');
  await once(thief, 'listening');
  const web = 'ports: ["127.0.0.1:18096:80"]';
  await it.lab.write('shop/compose.yaml', `version: "3.7"\n${shopFile(`${it.image()}:1.0`, { web })}`);

  const update = await it.run('update');
  thief.close();
  await once(thief, 'close');

  expect(update).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining('port 127.0.0.1:18096/tcp is taken'),
  });
  await untouched(old);
});

test('an engine that is not there is told as such, and one that dies in the middle of an update is waited for', async () => {
  await it.open();
  await it.release('1.1');
  // Of an update without faults: check, probes, fetch, nine steps of the restore point, way back, hold, and then it.
  const { goOn, ended } = await updateHeldAt('step.before', 16);

  await it.engine.kill();
  const { stdout } = await it.lab.cli(['updates', 'list', 'shop', '--json']);
  const again = it.engine.restart();
  await goOn();
  await again;
  const update = await ended;

  expect(stdout).toContain('no Docker engine answers at');
  // On a slow machine it is away for longer than a change is tried; then the old version is back.
  expect(['succeeded', 'rolled_back']).toContain(update.status);
  const version = update.status === 'succeeded' ? '1.1' : '1.0';
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe(`${version}\nprecious`);
});

test('a container that somebody renames in the middle of an update is updated all the same', async () => {
  await it.open();
  await it.release('1.1');
  const { goOn, ended } = await updateHeldAt('capture.middle', 1);

  await it.engine.docker('rename', await it.container(), 'mine');
  await goOn();
  const update = await ended;

  expect(update).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.1\nprecious');
});

test('a container that somebody removes while it is stopped for a backup is made again', async () => {
  await it.open();
  await it.release('1.1');
  const { goOn, ended } = await updateHeldAt('capture.middle', 1);

  await it.engine.docker('rm', '--force', await it.container());
  await goOn();
  const update = await ended;

  expect(update).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.1\nprecious');
});

test('a volume that others use is not replaced by a rollback either, unless its owner says so', async () => {
  await it.open();
  await it.run('backup');
  await it.run('backup', [], 'sharing');
  await it.inWeb('sh', '-c', 'echo newer > /data/note');
  await it.engine.docker('run', '-d', '--network', 'none', '-v', 'shop_files:/data', IMAGE, 'sleep', '1000');

  const refused = await it.run('rollback');
  const kept = await it.inWeb('cat', '/data/note');
  const allowed = await it.run('rollback', [], 'sharing');

  expect(refused).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining('volume shop_files is also used by'),
  });
  expect(kept).toBe('newer');
  expect(allowed).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/data/note')).toBe('precious');
});
