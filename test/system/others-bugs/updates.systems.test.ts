/** What went wrong in the updates of other programs, and must not here: with Docker's own plugin `docker compose`. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { composeShape } from '#test/support/container-shape.ts';
import { needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';

let it: ComposeLab;

beforeAll(async () => {
  if (!canRunCompose()) return;
  const more = `  - name: unprotected
    type: docker-compose
    path: ./shop
    project: shop
    socket: SOCKET
    backup: { destinations: [usb, away] }
`;
  const updates = '{ policy: minor, min_age: 0s, gate: { timeout: 20s, stable_for: 500ms } }';
  it = await startComposeLab(
    { plugin: true, updates, more, destinations: 'away: { type: local, path: DIR/not/there }' },
    vi.stubEnv,
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await it?.[Symbol.asyncDispose]();
});
// What is rolled back once is held from then on, so that no two tests roll the same version back.

beforeEach(needsCompose);

test('when the replacement cannot even be started, the old container is back, whatever its compose file promises', async () => {
  const ignored = `    deploy: { update_config: { failure_action: rollback } }\n    init: true`;
  await it.open((image) => `version: "3.7"\n${shopFile(image).replace('    init: true', ignored)}`);
  const old = await it.runningImage();
  await it.release('1.7', { command: ['/no/such/program'] });

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await it.runningImage()).toBe(old);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  expect(await readFile(join(it.lab.dir, 'home', 'calls'), 'utf8')).toMatch(/-p shop .* up -d --no-build/);
});

test('a slow starter that is unhealthy at first is waited for, and kept', async () => {
  await it.open();
  await it.release('1.1', { first: 'sleep 6' });

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.1\nprecious');
});

test('devices, addresses, aliases, labels, limits and volumes without a name survive an update, and a rollback', async () => {
  const web = `mac_address: "02:42:0a:d5:08:0a"
    networks: { inner: { ipv4_address: 10.213.8.10, aliases: [shop.lan] } }
    ports: ["127.0.0.1:18098:80"]
    labels: { owner: me }
    devices: ["/dev/null:/dev/xnull"]
    cap_add: [SYS_NICE]
    mem_limit: 64m`;
  const more = 'networks: { inner: { ipam: { config: [{ subnet: 10.213.8.0/24 }] } } }\n';
  const file = (image: string) => `version: "2.4"\n${shopFile(image, { web, more })}`;
  await it.open((image) => file(image).replace('["files:/data"]', '["files:/data", "/cache"]'));
  await it.inWeb('sh', '-c', 'echo warm > /cache/warm');
  const before = await composeShape(it.engine, await it.container());
  await it.release('1.1');
  await it.release('1.8', { bad: true });

  const update = await it.run('update', ['to=1.1']);
  const after = await composeShape(it.engine, await it.container());
  const cache = await it.inWeb('cat', '/cache/warm');
  const failed = await it.run('update');

  expect([update.status, failed.status]).toEqual(['succeeded', 'rolled_back']);
  expect(after).toEqual(before);
  expect(await composeShape(it.engine, await it.container())).toEqual(before);
  expect([cache, await it.inWeb('cat', '/cache/warm')]).toEqual(['warm', 'warm']);
});

test('when a protection that was asked for cannot be made, nothing is updated', async () => {
  await it.open();
  await it.release('1.1');
  const old = await it.container();

  const update = await it.run('update', [], 'unprotected');

  expect(update).toMatchObject({ status: 'failed', reason: expect.stringContaining('copy → away') });
  expect(await it.container()).toBe(old);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
});

test('a program that runs in a container of the project does not stop itself', async (context) => {
  needs(context, 'unshare', 'mount');
  await it.open();
  const data = await it.engine.docker('info', '--format', '{{.DockerRootDir}}');
  const hostname = join(data, 'containers', await it.container(), 'hostname');
  // As the engine does it for each container.
  const script = 'mount --bind "$1" /etc/hostname && shift && exec "$@"';
  const fixture = join(root, 'test/fixtures/in-container.ts');
  const words = ['-m', 'sh', '-c', script, 'sh', hostname, process.execPath, fixture, it.project, it.engine.socket];

  const { stdout } = await promisify(execFile)('unshare', words);

  const refused = expect.stringContaining('this worker runs in the container of web, and would stop itself');
  expect(JSON.parse(stdout)).toEqual([refused, refused]);
  expect(await it.inWeb('cat', '/data/note')).toBe('precious');
});

test('after a rollback by hand the older version stays: no gate asks for the newer one, and no schedule brings it again', async () => {
  await it.open();
  await it.release('1.1');
  await it.run('update');

  const rollback = await it.run('rollback');
  const next = await it.run('update');

  expect([rollback.status, next.status]).toEqual(['succeeded', 'skipped']);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  await it.release('1.2');
  expect(await it.run('update')).toMatchObject({ status: 'succeeded' });
});
