/** The check that every plugin passes at load, where the loader's own tests do not reach. */

import { expect, test } from 'vitest';
import { z } from 'zod';
import { ChannelCore, DestinationCore, HypervisorCore, ServiceCore } from '#config/schema.ts';
import { checkPlugin } from '#host/check-plugin.ts';
import { kinds } from '#sdk/catalog.ts';
import { action, kind } from '#sdk/contract.ts';

const nothing = { input: z.object({}), output: z.object({}) };
const service = kind('service', 'For tests', {
  look: action('read', 'Looks', nothing),
  pay: { ...action('once', 'Pays', nothing), optional: true },
});
const expected = { kind: 'service', id: 'shop', kinds: { ...kinds, service } } as const;
const perform = async () => ({});

test('a plugin may leave out an optional action', () => {
  const shop = { kind: 'service', id: 'shop', title: 'Shop', config: z.object({}), actions: { look: perform } };

  const { plugin, problems } = checkPlugin(shop, expected);

  expect(problems).toEqual([]);
  expect(plugin).toBe(shop);
});

test('an action that may happen only once needs a probe, and no other action may have one', () => {
  const shop = {
    kind: 'service',
    id: 'shop',
    title: 'Shop',
    config: z.object({}),
    actions: { look: perform, pay: perform },
  };

  const without = checkPlugin(shop, expected).problems;
  const wrong = checkPlugin({ ...shop, probes: { look: perform, pay: perform } }, expected).problems;

  expect(without).toEqual(['the action pay happens once, so it needs a probe that tells if it did']);
  expect(wrong).toEqual(['there is a probe for look, which is not an action that happens once']);
});

test('what a configuration lacks is told for actions that the plugin has', () => {
  const rest = { kind: 'service', id: 'shop', title: 'Shop', config: z.object({}), actions: { look: perform } };

  const good = checkPlugin({ ...rest, lacks: { look: () => undefined } }, expected).problems;
  const wrong = checkPlugin({ ...rest, lacks: { lock: () => undefined } }, expected).problems;

  expect(good).toEqual([]);
  expect(wrong).toEqual(['plugin.lacks.lock: it has no such action']);
});

test.each([
  [null, 'plugin: Invalid input: expected object, received null'],
  [{ id: 5 }, 'plugin.kind: Invalid input: expected string, received undefined'],
])('what is not a plugin at all is refused with the reason: %j', (exported, problem) => {
  expect(checkPlugin(exported, expected).problems).toContain(problem);
});

test('only services have keys in a backup section', () => {
  const config = z.object({});
  const actions = Object.fromEntries(Object.keys(kinds.notification.actions).map((name) => [name, perform]));
  const bell = { kind: 'notification', id: 'bell', title: 'Bell', config, backup: config, actions };

  const { problems } = checkPlugin(bell, { kind: 'notification', id: 'bell' });

  expect(problems).toEqual(['plugin.backup: only service plugins have it']);
});

test.each([
  ['service', ServiceCore],
  ['hypervisor', HypervisorCore],
  ['destination', DestinationCore],
  ['notification', ChannelCore],
] as const)('no key that every %s has may be one of a plugin, which would never see it', (kind, core) => {
  const keys = [...Object.keys(core.shape), 'name', 'backup', 'update'];
  const actions = Object.fromEntries(Object.keys(kinds[kind].actions).map((name) => [name, perform]));

  for (const key of keys) {
    const config = z.object({ [key]: z.string(), own: z.string() });
    const { problems } = checkPlugin({ kind, id: 'shop', title: 'Shop', config, actions }, { kind, id: 'shop' });
    expect(problems).toEqual([`plugin.config.${key}: every ${kind} has a key of this name, choose another`]);
  }
});
