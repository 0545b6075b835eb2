/** Updates from a registry that wants a password, and of images of another platform: on a real engine. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { REGISTRY_USER } from '#test/support/registry.ts';

let it: ComposeLab;

beforeAll(async () => {
  if (!canRunCompose()) return;
  const { username, password } = REGISTRY_USER;
  const registries = `{ "REGISTRY": { username: ${username}, password: ${password} } }`;
  const updates = `{ min_age: 0s, gate: { timeout: 8s, stable_for: 500ms }, registries: ${registries} }`;
  it = await startComposeLab({ password: true, updates }, vi.stubEnv);
});
afterAll(async () => {
  vi.unstubAllEnvs();
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
