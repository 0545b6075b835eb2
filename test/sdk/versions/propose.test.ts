/** What a service plugin answers to the update workflow: which images go where, or why none does. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RunningImage } from '#sdk/kinds/service.ts';
import { proposeUpdate } from '#sdk/versions/propose.ts';
import type { CheckSettings } from '#sdk/versions/settings.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { registryTools } from '#test/support/registry-tools.ts';

let registry: TestRegistry;
let images: RunningImage[];
beforeAll(async () => {
  if (!hasTool('docker-registry')) return;
  registry = await startRegistry();
  const web = await registry.push('shop/web:1.0.0', { content: '1' });
  const db = await registry.push('shop/postgres:16.4', { content: '1' });
  const image = (name: string, reference: string, digest: string) => ({
    name,
    reference: `${registry.host}/shop/${reference}`,
    digest,
    imageId: null,
    platform: 'linux/amd64',
  });
  images = [image('web', 'web:1.0.0', web.digest), image('db', 'postgres:16.4', db.digest)];
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});
beforeEach((context) => needsRegistry(context));

const POLICY: CheckSettings = { policy: 'minor', minAgeMs: 0, tags: null, registries: {}, decisions: [] };

function propose(asked: { policy?: Partial<CheckSettings>; to?: string } = {}, of = images) {
  const tools = { ...registryTools(), name: 'shop' };
  return proposeUpdate(tools, of, { policy: { ...POLICY, ...asked.policy }, to: asked.to });
}

test('nothing newer is nothing to do', async () => {
  expect(await propose()).toMatchObject({ available: false, targets: [], to: '' });
});

test('what the policy takes is the target, by name and digest, and what is held is told', async () => {
  const next = await registry.push('shop/web:1.1.0', { content: '2' });
  const major = await registry.push('shop/postgres:17.0', { content: '2' });

  const proposal = await propose();
  const named = await propose({ to: '17.0' });

  const web = { name: 'web', reference: `${registry.host}/shop/web:1.1.0`, digest: next.digest };
  const db = { name: 'db', reference: `${registry.host}/shop/postgres:17.0`, digest: major.digest };
  const from = `${registry.host}/shop/web:1.0.0`;
  expect(proposal).toMatchObject({ available: true, from, to: web.reference, targets: [web] });
  expect(proposal.summary).toMatch(/^web 1\.0\.0 → 1\.1\.0 \(minor update\); db 16\.4 → 17\.0: held, /);
  expect(named).toMatchObject({ available: true, to: db.reference, targets: [db] });
});

test('a version that a person names is taken although it was skipped, and one that is not there is refused', async () => {
  await registry.push('shop/web:1.1.0', { content: '2' });
  const at = new Date().toISOString();
  const decisions = [{ service: 'shop', image: null, decision: 'skip' as const, version: '1.1.0', at }];

  expect((await propose({ policy: { decisions } })).targets.map(({ name }) => name)).not.toContain('web');
  expect((await propose({ policy: { decisions }, to: '1.1.0' })).to).toMatch(/web:1\.1\.0$/);
  await expect(propose({ to: '9.9.9' })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
  await expect(propose({ to: '--force' })).rejects.toMatchObject({ code: 'HA_USAGE' });
});

test('a version that a person names is all that is taken, also where another tag has moved', async () => {
  const tool = await registry.push('shop/tool:latest', { content: 'old' });
  await registry.push('shop/tool:latest', { content: 'new' });
  await registry.push('shop/web:1.1.0', { content: '2' });
  const [web] = images;
  if (web === undefined) throw new Error('there is an image');
  const both = [web, { ...web, name: 'tool', reference: `${registry.host}/shop/tool`, digest: tool.digest }];

  const [all, named] = [await propose({}, both), await propose({ to: '1.1.0' }, both)];

  expect(all.targets.map(({ name }) => name)).toEqual(['web', 'tool']);
  expect(named.targets.map(({ name }) => name)).toEqual(['web']);
});

test('a version that a person names is refused with the reason where it is made for another machine', async () => {
  await registry.push('shop/web:1.9.0', { content: '9', platforms: ['linux/s390x'] });

  await expect(propose({ to: '1.9.0' })).rejects.toMatchObject({
    code: 'HA_CHECK_FAILED',
    message: expect.stringMatching(/^shop: web cannot go to 1\.9\.0: .* is made for linux\/s390x/),
  });
});

test('a registry that is away is a failure that is tried again, and never nothing to do', async () => {
  await using away = await startRegistry();
  const { digest } = await away.push('web:1.0.0');
  await away.pause();
  const [web] = images;
  if (web === undefined) throw new Error('there is an image');

  const asked = propose({}, [{ ...web, reference: `${away.host}/web:1.0.0`, digest }]);

  await expect(asked).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
});

test('an image that was built on the machine keeps nobody from anything', async () => {
  const [web] = images;
  if (web === undefined) throw new Error('there is an image');

  const proposal = await propose({}, [{ ...web, reference: `${registry.host}/shop/postgres:17.0`, digest: null }]);

  expect(proposal).toMatchObject({ available: false });
});
