/** Updates from a registry that wants a password, and of images of another platform: on a real engine. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { helpersIn, type TestHelpers } from '#test/support/credential-helper.ts';
import { REGISTRY_USER } from '#test/support/registry.ts';
import { type RegistryProxy, startRegistryProxy } from '#test/support/registry-proxy.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

let it: ComposeLab;
let programs: TempDir;
let helpers: TestHelpers;
/** The same registry by a third name, whose password a helper keeps. */
let proxy: RegistryProxy;

beforeAll(async () => {
  if (!canRunCompose()) return;
  programs = await tempDir();
  helpers = await helpersIn(programs.path);
  vi.stubEnv('PATH', `${helpers.folder}:${process.env['PATH']}`);
  const { username, password } = REGISTRY_USER;
  const registries = `{ "REGISTRY": { username: ${username}, password: ${password} } }`;
  const updates = `{ min_age: 0s, gate: { timeout: 8s, stable_for: 500ms }, registries: ${registries} }`;
  it = await startComposeLab({ password: true, updates }, vi.stubEnv);
  proxy = await startRegistryProxy(it.registry.host);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy?.[Symbol.asyncDispose]();
  await programs?.[Symbol.asyncDispose]();
  await it?.[Symbol.asyncDispose]();
});
// What is rolled back once is held from then on, so that no two tests roll the same version back.

beforeEach(needsCompose);

const platform = async () => it.engine.docker('image', 'inspect', '-f', '{{.Architecture}}', await it.runningImage());

test.each([
  ['the configuration', '127.0.0.1', '1.1'],
  ['Docker’s own file', 'localhost', '1.2'],
])(
  'a private registry is entered with the password of %s, also for an old image that is gone',
  async (_, host, tag) => {
    await it.open((image) => shopFile(image.replace('127.0.0.1', host)));
    await it.release(tag);

    const update = await it.run('update');
    const version = await it.inWeb('cat', '/version');
    await it.engine.docker('image', 'prune', '--all', '--force');
    const rollback = await it.run('rollback');

    expect([update.status, version]).toEqual(['succeeded', tag]);
    expect(rollback).toMatchObject({ status: 'succeeded' });
    expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  },
);

test('an image of another platform, which the compose file asks for, is updated within that platform, and brought back', async () => {
  const platforms = ['linux/amd64', 'linux/386'];
  const file = (image: string) =>
    `version: "2.4"\n${shopFile(image).replace('    init:', '    platform: linux/386\n    init:')}`;
  await it.open(file, { platforms });
  await it.release('1.3', { platforms });

  const update = await it.run('update');
  const updated = [await it.inWeb('cat', '/version'), await platform()];
  await it.engine.docker('image', 'prune', '--all', '--force');
  const rollback = await it.run('rollback');

  expect(update).toMatchObject({ status: 'succeeded' });
  expect(updated).toEqual(['1.3', '386']);
  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect([await it.inWeb('cat', '/version', '/data/note'), await platform()]).toEqual(['1.0\nprecious', '386']);
});

/** What Docker's own file says, for the program and for the test itself. */
async function askHelper(): Promise<void> {
  const file = JSON.stringify({ credHelpers: { [proxy.host]: 'kept' } });
  for (const folder of ['docker', 'docker-of-the-test']) await it.lab.write(join(folder, 'config.json'), file);
}

const KEPT = { Username: REGISTRY_USER.username, Secret: REGISTRY_USER.password };

test('a private registry is entered with the password that a helper keeps, also for an old image that is gone', async () => {
  await helpers.keep('kept', { [proxy.host]: KEPT });
  await askHelper();
  await it.open((image) => shopFile(image.replace(it.registry.host, proxy.host)));
  await it.release('1.4');

  const update = await it.run('update');
  const version = await it.inWeb('cat', '/version');
  await it.engine.docker('image', 'prune', '--all', '--force');
  const rollback = await it.run('rollback');

  expect([update.status, version, rollback.status]).toEqual(['succeeded', '1.4', 'succeeded']);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  const logs = await Promise.all([update, rollback].map(({ id }) => it.lab.cli(['runs', 'logs', id])));
  expect(logs.map(({ stdout }) => stdout).join('')).not.toContain(KEPT.Secret);
});

test('with a helper that is broken nothing is updated, and the reason names the helper and what to do', async () => {
  await helpers.keep('kept', { [proxy.host]: KEPT });
  await askHelper();
  await it.open((image) => shopFile(image.replace(it.registry.host, proxy.host)));
  await it.release('1.5');
  const old = await it.container();
  await helpers.write('kept', 'echo "the vault is locked"; exit 1');

  const update = await it.run('update');
  const listed = await it.lab.cli(['updates', 'list', 'shop', '--json']);

  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toMatch(/docker-credential-kept refused: the vault is locked; .* updates\.registries/);
  const [shop] = JSON.parse(listed.stdout).services;
  expect(shop.images).toMatchObject([
    { name: 'setup' },
    { name: 'web', kind: 'unknown', why: expect.stringContaining('vault') },
  ]);
  expect(await it.container()).toBe(old);
});

test('a rollback whose image is gone and cannot be fetched stops nothing, and names the helper that is broken', async () => {
  await helpers.keep('kept', { [proxy.host]: KEPT });
  await askHelper();
  await it.open((image) => shopFile(image.replace(it.registry.host, proxy.host)));
  await it.release('1.6');
  await it.run('update');
  await it.engine.docker('image', 'prune', '--all', '--force');
  await helpers.write('kept', 'exit 1');
  const started = async () => it.engine.docker('inspect', '--format', '{{.State.StartedAt}}', await it.container());
  const before = await started();

  const rollback = await it.run('rollback');

  expect(rollback).toMatchObject({ status: 'failed', reason: expect.stringContaining('docker-credential-kept') });
  expect(await started()).toBe(before);
  await helpers.keep('kept', { [proxy.host]: KEPT });
  expect(await it.run('rollback')).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
});
