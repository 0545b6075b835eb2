/** What people, other programs and the machine do to a Compose project around its update: each time it ends well, or nothing was begun. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { IMAGE } from '#test/support/docker.ts';
import { type RegistryProxy, startRegistryProxy } from '#test/support/registry-proxy.ts';
import { eventually } from '#test/support/wait.ts';

let it: ComposeLab;
let proxy: RegistryProxy;

beforeAll(async () => {
  if (!canRunCompose()) return;
  it = await startComposeLab({ room: '64m' }, vi.stubEnv);
  proxy = await startRegistryProxy(it.registry.host);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy?.[Symbol.asyncDispose]();
  await it?.[Symbol.asyncDispose]();
});
// What is rolled back once is held from then on, so that no two tests roll the same version back.

beforeEach(needsCompose);

const says = async () => it.inWeb('cat', '/version', '/data/note');
const names = async () => it.engine.docker('ps', '-a', '--format', '{{.Names}}', '--filter', 'name=web');

test('an old version whose image somebody cleans away in the middle of an update is back all the same', async () => {
  await it.open();
  const old = await it.runningImage();
  await it.release('1.1', { bad: true });
  const { goOn, ended } = await it.heldAt('update', { point: 'undo.before' });

  await it.engine.docker('image', 'prune', '--all', '--force');
  await goOn();
  const update = await ended;

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await it.runningImage()).toBe(old);
  expect(await says()).toBe('1.0\nprecious');
});

test('what its owner writes into the compose file while an update fails is kept beside it, and the old file is back', async () => {
  await it.open();
  const before = await it.written('compose.yaml');
  await it.release('1.2', { bad: true });
  const { goOn, ended } = await it.heldAt('update', { point: 'undo.before' });

  await writeFile(join(it.project, 'compose.yaml'), 'services: { web: { imag: mine } }\n');
  await goOn();
  const update = await ended;

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await it.written('compose.yaml')).toBe(before);
  expect(await says()).toBe('1.0\nprecious');
  const { stdout } = await it.lab.cli(['backups', 'shop', '--json']);
  const kept = JSON.parse(stdout).restorePoints.find(
    ({ purpose }: { purpose: string }) => purpose === 'before-rollback',
  );
  const place = join(it.lab.dir, 'kept');
  await it.lab.cli(['backups', 'restore', kept.id, '--only', join(it.project, 'compose.yaml'), '--to', place]);
  expect(await readFile(join(place, it.project, 'compose.yaml'), 'utf8')).toContain('imag: mine');
});

test('a container that its owner renames between an update and a rollback is brought back, and there is no second one', async () => {
  await it.open();
  await it.release('1.1');
  const update = await it.run('update', ['to=1.1']);
  await it.engine.docker('rename', await it.container(), 'my-web');

  const rollback = await it.run('rollback');

  expect([update.status, rollback.status]).toEqual(['succeeded', 'succeeded']);
  expect(await says()).toBe('1.0\nprecious');
  expect((await names()).split('\n')).toHaveLength(1);
});

test('a container that the compose file does not name any more goes on as it was, through an update and a bad one', async () => {
  const legacy = `  legacy: { image: "${IMAGE}", network_mode: none, init: true, command: [sleep, "1000"] }\n`;
  await it.open((image) => shopFile(image, { more: legacy }));
  await it.lab.write('shop/compose.yaml', shopFile(`${it.image()}:1.0`));
  const old = await it.container('legacy');
  const runs = async () => [
    await it.container('legacy'),
    await it.engine.docker('inspect', '--format', '{{.State.Running}}', old),
  ];
  await it.release('1.1');
  await it.release('1.3', { bad: true });

  const update = await it.run('update', ['to=1.1']);
  const updated = [await says(), ...(await runs())];
  const failed = await it.run('update');

  expect([update.status, failed.status]).toEqual(['succeeded', 'rolled_back']);
  expect(updated).toEqual(['1.1\nprecious', old, 'true']);
  expect([await says(), ...(await runs())]).toEqual(['1.1\nprecious', old, 'true']);
});

test('a version of which no container can be made leaves the old one, under its own name', async () => {
  await it.open();
  const old = await it.runningImage();
  await it.release('1.4', { command: [] });

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'rolled_back', reason: expect.stringMatching(/no command specified/i) });
  expect(await it.runningImage()).toBe(old);
  expect(await names()).toBe('shop_web_1');
  expect(await says()).toBe('1.0\nprecious');
});

test('a version whose one-shot container does its work is taken, and one whose does not is rolled back', async () => {
  const ends = (status: number) => `test "$ROLE" = migrate && exit ${status}`;
  const migrate = (image: string) =>
    `  migrate: { image: "${image}", network_mode: none, environment: { ROLE: migrate } }\n`;
  await it.open((image) => shopFile(image, { more: migrate(image) }), { first: ends(0) });
  await it.release('1.1', { first: ends(0) });
  await it.release('1.5', { first: ends(3) });

  const update = await it.run('update', ['to=1.1']);
  const done = await says();
  const failed = await it.run('update', ['to=1.5']);

  expect([update.status, failed.status]).toEqual(['succeeded', 'rolled_back']);
  expect(failed.reason).toMatch(/migrate/);
  expect([done, await says()]).toEqual(['1.1\nprecious', '1.1\nprecious']);
});

test('an engine that dies in the middle of a download is waited for; what it does not start again is not taken for stopped on purpose', async () => {
  await it.open((image) => shopFile(image.replace(it.registry.host, proxy.host)));
  await it.release('1.7');
  const old = await it.container();
  proxy.trouble = 'stalled';
  const ended = it.run('update');
  await eventually('a download stands still', () => proxy.stalled > 0, 120_000);

  await it.engine.kill();
  proxy.trouble = 'none';
  await it.engine.restart();
  const update = await ended;

  // An engine that was killed takes its containers for stopped by hand when it comes back.
  const started = async () => it.engine.docker('start', await it.container());
  if (update.status === 'failed') expect([await it.container(), await started()]).toEqual([old, old]);
  expect(['succeeded', 'failed']).toContain(update.status);
  expect(await says()).toBe(`${update.status === 'succeeded' ? '1.7' : '1.0'}\nprecious`);
}, 300_000);

test('where an image does not fit on the disk of the engine, nothing is changed, and that is the reason', async () => {
  await it.open();
  await it.release('1.6', { noise: 80 });
  const old = await it.container();

  const update = await it.run('update');

  expect(update).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(/does not fit .*no space left on device/),
  });
  expect(await it.container()).toBe(old);
  expect(await says()).toBe('1.0\nprecious');
});

test('a container of somebody else in the network of the project is not cut off without a word', async () => {
  await it.open();
  await it.release('1.8');
  const [old, inside] = [await it.container(), `container:${await it.container()}`];
  await it.engine.docker('run', '-d', '--name', 'torrents', '--network', inside, IMAGE, 'sleep', '1000');

  const update = await it.run('update');

  const said = 'container torrents is not of this project and lives in the network of web';
  expect(update).toMatchObject({ status: 'failed', reason: expect.stringContaining(said) });
  expect(await it.container()).toBe(old);
  await it.engine.docker('rm', '--force', 'torrents');
  expect(await it.run('update')).toMatchObject({ status: 'succeeded' });
});
