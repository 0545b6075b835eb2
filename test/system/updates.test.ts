/** What is newer through the whole program: a real engine, a real registry, and decisions that the controller keeps. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { UpdateReport } from '#app/update-check.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, REGISTRY_USER, startRegistry, type TestRegistry } from '#test/support/registry.ts';

let engine: TestEngine;
let registry: TestRegistry;
let lab: TestHomelab;

const TAGS = { web: '1.0.0', db: '16.4' };

beforeAll(async () => {
  if (!canRunDocker() || !hasTool('docker-registry')) return;
  engine = await startDocker();
  registry = await startRegistry({ password: true });
  const { username, password } = REGISTRY_USER;
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
hosts: { elsewhere: {} }
destinations: { usb: { type: local, path: DIR/usb } }
updates:
  policy: minor
  registries: { "${registry.host}": { username: ${username}, password_file: DIR/password } }
services:
  - { name: shop, type: docker-compose, path: ./stack, socket: ${engine.socket} }
  - { name: far, type: docker-compose, path: ./stack, host: elsewhere }
  - name: notes
    type: generic
    version: [echo, '1.0']
    validate: [{ type: command, command: ['true'] }]
    backup: { paths: [DIR/stack], quiesce: { stop: [['true']], start: [['true']] }, destinations: [usb] }
    update: { check: [echo, '1.1'], command: ['true'] }
  - { name: other, type: generic }
`);
  await lab.write('password', `${password}\n`);
  const service = (name: keyof typeof TAGS) => {
    const repository = name === 'db' ? 'shop/postgres' : 'shop/web';
    return {
      image: `${registry.host}/${repository}:${TAGS[name]}`,
      network_mode: 'none',
      init: true,
      command: ['sleep', '1000'],
    };
  };
  const services = { web: service('web'), db: service('db') };
  await lab.write('stack/compose.yaml', JSON.stringify({ version: '3.7', services }));
  await engine.docker('login', '--username', username, '--password', password, registry.host);
  for (const { image } of Object.values(services)) {
    await engine.docker('tag', IMAGE, image);
    await engine.docker('push', image);
  }
  await engine.docker('logout', registry.host);
  await engine.compose(join(lab.dir, 'stack'), 'up', '-d');
  await lab.start(['up', '--port', '0']);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});
beforeEach((context) => {
  needsDocker(context);
  needsRegistry(context);
});

async function updates(): Promise<UpdateReport> {
  const { status, stdout, stderr } = await lab.cli(['updates', '--json']);
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}
const images = async () => {
  const { services } = await updates();
  const found = services.find(({ service }) => service === 'shop')?.images ?? [];
  return Object.fromEntries(found.map(({ name, kind, to, why }) => [name, [kind, to?.tag ?? null, why]]));
};

test('what is newer is found, held where it must be, and taken or left as people decide', async () => {
  await registry.push('shop/web:1.1.0', { content: 'newer' });
  await registry.push('shop/postgres:17.0', { content: 'newer' });
  expect(await images()).toMatchObject({
    web: ['available', '1.1.0', 'minor update'],
    db: ['held', '17.0', expect.anything()],
  });

  const approved = await lab.cli(['updates', 'approve', 'shop']);
  const skipped = await lab.cli(['updates', 'skip', 'shop', '1.1.0']);
  expect([approved.stdout, skipped.stdout]).toEqual(['shop/db: 17.0 approved\n', 'shop: 1.1.0 skipped\n']);
  expect(await images()).toMatchObject({
    web: ['up_to_date', null, 'nothing newer; 1.1.0 skipped'],
    db: ['available', '17.0', 'major update, approved'],
  });

  await lab.cli(['updates', 'pin', 'shop']);
  expect(await images()).toMatchObject({ db: ['held', '17.0', 'pinned to 16.4'] });
  const nobody = await lab.cli(['updates', 'approve', 'shob', '1.0']);
  expect([nobody.status, nobody.stderr]).toEqual([2, expect.stringContaining('Did you mean "shop"?')]);
});

test('a service that tells by itself what is newer takes no decisions on images', async () => {
  const { status, stderr } = await lab.cli(['updates', 'pin', 'notes', '1.0']);

  expect([status, stderr]).toEqual([2, expect.stringContaining('notes is not made of images')]);
});

test('what cannot be known is unknown: another host, no command that tells, a registry that is away', async () => {
  await registry.pause();

  const { services } = await updates();
  await registry.resume();

  expect(services).toMatchObject([
    { service: 'shop', images: [{ kind: 'unknown' }, { kind: 'unknown' }] },
    { service: 'far', problem: 'it runs on elsewhere; ask there' },
    { service: 'notes', policy: null, images: [{ current: { tag: '1.0' }, to: { tag: '1.1' }, kind: 'available' }] },
    { service: 'other', policy: null, images: [], problem: expect.stringContaining('no backup section') },
  ]);
});
