/** Updates from a registry that wants a password, on a real engine. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, startComposeLab } from '#test/support/compose-lab.ts';
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
beforeEach(needsCompose);

test('a private registry is entered with the password of the configuration, also for an old image that is gone', async () => {
  await it.open();
  await it.release('1.1');

  const update = await it.run('update');
  const version = await it.inWeb('cat', '/version');
  await it.engine.docker('image', 'prune', '--all', '--force');
  const rollback = await it.run('rollback');

  expect([update.status, version]).toEqual(['succeeded', '1.1']);
  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
});
