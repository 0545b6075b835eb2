/** The whole check of a service against a real registry: what runs there, what the registry has, one verdict each. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunningImage } from '#sdk/kinds/service.ts';
import { checkService } from '#sdk/versions/check.ts';
import type { CheckSettings } from '#sdk/versions/settings.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { registryTools } from '#test/support/registry-tools.ts';

const PLATFORM = 'linux/amd64';
const YESTERDAY = new Date(Date.now() - 86_400_000);
const LONG_AGO = new Date('2026-01-01T00:00:00Z');

let registry: TestRegistry;
beforeAll(async () => {
  if (hasTool('docker-registry')) registry = await startRegistry();
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});
beforeEach((context) => needsRegistry(context));

const settings = (given: Partial<CheckSettings> = {}): CheckSettings => ({
  policy: 'minor',
  minAgeMs: 0,
  tags: null,
  registries: {},
  decisions: [],
  ...given,
});

const running = (name: string, reference: string, digest: string | null): RunningImage => ({
  name,
  reference: `${registry.host}/${reference}`,
  digest,
  imageId: null,
  platform: PLATFORM,
});

describe('the check of a service', () => {
  test('finds the newest version that the policy takes, its digest and its age, and pulls no layer', async () => {
    const one = await registry.push('shop/web:1.0.0', { content: '1', created: LONG_AGO });
    const two = await registry.push('shop/web:1.1.0', { content: '2', created: LONG_AGO });
    await registry.push('shop/web:2.0.0', { content: '3', created: LONG_AGO });
    const tools = registryTools();

    const { images } = await checkService(tools, [running('web', 'shop/web:1.0.0', one.digest)], settings());

    expect(images).toMatchObject([
      {
        name: 'web',
        current: { tag: '1.0.0', digest: one.digest },
        kind: 'available',
        to: { tag: '1.1.0', digest: two.digest, createdAt: LONG_AGO.toISOString(), level: 'minor' },
      },
    ]);
    expect(tools.sent.filter((line) => line.includes('/blobs/'))).toHaveLength(1);
  });

  test('finds that a tag was moved, and that another was not', async () => {
    const old = await registry.push('shop/moving:latest', { content: 'old' });
    const still = await registry.push('shop/still:latest');
    const next = await registry.push('shop/moving:next', { content: 'new' });
    await registry.move('shop/moving', 'latest', 'next');
    const images = [running('a', 'shop/moving', old.digest), running('b', 'shop/still', still.digest)];

    const checked = await checkService(registryTools(), images, settings());

    expect(checked.images).toMatchObject([
      { name: 'a', kind: 'available', to: { tag: 'latest', digest: next.digest, level: 'digest' } },
      { name: 'b', kind: 'up_to_date', to: null },
    ]);
  });

  test('holds a version until it is old enough', async () => {
    const one = await registry.push('shop/young:1.0', { content: '1', created: LONG_AGO });
    await registry.push('shop/young:1.1', { content: '2', created: YESTERDAY });
    const image = running('web', 'shop/young:1.0', one.digest);

    const { images } = await checkService(registryTools(), [image], settings({ minAgeMs: 3 * 86_400_000 }));

    expect(images).toMatchObject([{ kind: 'held', to: { tag: '1.1' }, why: 'younger than 3d: ready in 2 d' }]);
  });

  test('looks at the tags of each image through the filter of its own', async () => {
    const one = await registry.push('shop/filtered:1.0');
    await registry.move('shop/filtered', '1.1', '1.0');
    await registry.move('shop/filtered', '1.2', '1.0');
    const image = (name: string) => running(name, 'shop/filtered:1.0', one.digest);
    const tags = { web: '^1\\.1$' };

    const { images } = await checkService(registryTools(), [image('web'), image('db')], settings({ tags }));

    expect(images.map(({ to }) => to?.tag)).toEqual(['1.1', '1.2']);
  });

  test('says for each image alone what cannot be known, and never that it is up to date', async () => {
    const good = await registry.push('shop/good:1.0');
    await using away = await startRegistry();
    const lost = await away.push('shop/lost:1.0');
    await away.pause();
    const images = [
      running('good', 'shop/good:1.0', good.digest),
      { ...running('lost', '', lost.digest), reference: `${away.host}/shop/lost:1.0` },
      { ...running('bad', '', null), reference: '--help' },
      running('built', 'shop/good:1.0', null),
      running('gone', 'shop/nothing:1.0', good.digest),
    ];

    const checked = await checkService(registryTools(), images, settings());

    expect(checked.images.map(({ name, kind, reason }) => [name, kind, reason])).toEqual([
      ['good', 'up_to_date', null],
      ['lost', 'unknown', 'unreachable'],
      ['bad', 'unknown', 'invalid_name'],
      ['built', 'unknown', 'no_digest'],
      ['gone', 'unknown', 'missing'],
    ]);
  });

  test('leaves an image alone that is written as a digest', async () => {
    const one = await registry.push('shop/fixed:1.0');

    const { images } = await checkService(
      registryTools(),
      [running('web', `shop/fixed@${one.digest}`, one.digest)],
      settings(),
    );

    expect(images).toMatchObject([{ kind: 'up_to_date', why: expect.stringContaining('written as a digest') }]);
  });

  test('of sixty images takes two requests each at most, and one more for the registry', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `shop/app-${i}`);
    const { digest } = await registry.push('shop/app-0:latest');
    for (const name of names.slice(1)) await registry.push(`${name}:latest`);
    const tools = registryTools();

    const { images } = await checkService(
      tools,
      names.map((name) => running(name, name, digest)),
      settings(),
    );

    expect(new Set(images.map(({ kind }) => kind))).toEqual(new Set(['up_to_date']));
    expect(tools.sent).toHaveLength(61);
    expect(tools.mostAtOnce()).toBeLessThanOrEqual(8);
  });
});
