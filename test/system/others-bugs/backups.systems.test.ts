/** What went wrong in the backups and restores of other programs, and must not here: Compose projects on a real engine. */

import { once } from 'node:events';
import { chmod, chown, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { IMAGE, startDocker, type TestEngine } from '#test/support/docker.ts';

let it: ComposeLab;
let elsewhere: TestEngine;

beforeAll(async () => {
  if (!canRunCompose()) return;
  elsewhere = await startDocker();
  const more = `  - name: other-shop
    type: docker-compose
    path: ./other
    project: shop
    socket: ${elsewhere.socket}
    backup: { destinations: [usb] }
`;
  it = await startComposeLab({ more }, vi.stubEnv);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await it?.[Symbol.asyncDispose]();
  await elsewhere?.[Symbol.asyncDispose]();
});
beforeEach(needsCompose);

const story = async (run: string) => {
  const { stdout } = await it.lab.cli(['runs', 'show', run, '--json']);
  return (JSON.parse(stdout) as { story: { text: string }[] }).story.map(({ text }) => text);
};

test('a file that changes while it is read makes a backup with a warning that names it: neither a failure nor a plain success', async () => {
  await it.open();
  const busy = 'head -c 20000000 /dev/urandom > /data/busy; while :; do echo more >> /data/busy; done';
  await it.engine.docker('exec', '-d', await it.container(), 'sh', '-c', busy);

  const backup = await it.run('backup');

  expect(backup.status).toBe('succeeded');
  expect(await story(backup.id)).toContainEqual(expect.stringMatching(/busy.*changed|changed.*busy/));
});

test('two services that mount different volumes at the same place get each its own back', async () => {
  const twin = `  twin: { image: "${IMAGE}", network_mode: none, init: true, command: [sleep, "1000"], volumes: ["twin:/data"] }\n`;
  await it.open((image) => shopFile(image, { more: twin }).replace('{ files: }', '{ files: {}, twin: {} }'));
  const twinSays = async (...words: string[]) => it.engine.docker('exec', await it.container('twin'), ...words);
  await twinSays('sh', '-c', 'echo of the twin > /data/note');
  await it.run('backup');
  for (const service of ['web', 'twin']) {
    await it.engine.docker('exec', await it.container(service), 'sh', '-c', 'echo lost > /data/note');
  }

  const rollback = await it.run('rollback');

  expect(rollback.status).toBe('succeeded');
  expect([await it.inWeb('cat', '/data/note'), await twinSays('cat', '/data/note')]).toEqual([
    'precious',
    'of the twin',
  ]);
});

test('a restore brings the compose file and .env with their content, modes and owners', async () => {
  await it.open();
  const secret = join(it.project, '.env');
  const file = await it.written('compose.yaml');
  await chmod(secret, 0o600);
  await chown(secret, 1234, 2345);
  await it.run('backup');
  await it.engine.clear();
  await rm(it.project, { recursive: true });

  const restored = await it.run('restore');

  expect(restored.status).toBe('succeeded');
  expect([await it.written('compose.yaml'), await it.written('.env')]).toEqual([file, 'COLOUR=blue\n']);
  const { mode, uid, gid } = await stat(secret);
  expect([mode & 0o7777, uid, gid]).toEqual([0o600, 1234, 2345]);
});

test('projects of one name on two engines do not touch each other', async () => {
  await it.open();
  const place = join(it.lab.dir, 'other');
  const base = `image: "${IMAGE}"\n    network_mode: none\n    init: true\n    command: [sleep, "1000"]`;
  await it.lab.write(
    'other/compose.yaml',
    `services:\n  web:\n    ${base}\n    volumes: ["files:/data"]\nvolumes: { files: }\n`,
  );
  await elsewhere.compose(place, '-p', 'shop', 'up', '-d');
  const inOther = async (...words: string[]) => elsewhere.docker('exec', await elsewhere.docker('ps', '-q'), ...words);
  await inOther('sh', '-c', 'echo of the other > /data/note');
  await it.run('backup');
  await it.run('backup', [], 'other-shop');
  await inOther('sh', '-c', 'echo lost > /data/note');

  const rollback = await it.run('rollback', [], 'other-shop');

  expect(rollback.status).toBe('succeeded');
  expect(await inOther('cat', '/data/note')).toBe('of the other');
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
  const { stdout } = await it.lab.cli(['backups', 'shop', '--json']);
  expect(stdout).not.toContain('other-shop');
});

test('a port that somebody else has taken stops a restore before anything is stopped or replaced', async () => {
  const web = 'ports: ["127.0.0.1:18097:80"]';
  await it.open((image) => `version: "3.7"\n${shopFile(image, { web })}`);
  await it.run('backup');
  await it.inWeb('sh', '-c', 'echo newer > /data/note');
  // The restore does not know that this container is what it should replace: its port is written otherwise by now.
  await it.engine.docker('stop', await it.container());
  const thief = createServer().listen(18097, '127.0.0.1');
  await once(thief, 'listening');

  const refused = [await it.run('restore', ['overwrite=true']), await it.run('rollback')];
  thief.close();
  await once(thief, 'close');
  await it.engine.docker('start', await it.container());

  for (const run of refused) {
    expect(run).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('port 127.0.0.1:18097/tcp is taken'),
    });
  }
  expect(await it.inWeb('cat', '/data/note')).toBe('newer');
  expect(await it.run('rollback')).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/data/note')).toBe('precious');
});

test('a backup that suddenly has a fraction, or a multiple, of the usual size is told of', async () => {
  await it.open();
  const fill = (megabytes: number) => it.inWeb('sh', '-c', `head -c ${megabytes}000000 /dev/urandom > /data/big`);
  await fill(4);
  await it.run('backup');
  await it.run('backup');
  await fill(9);

  const large = await it.run('backup');
  await it.inWeb('rm', '/data/big');
  const small = await it.run('backup');

  expect([large.status, small.status]).toEqual(['succeeded', 'succeeded']);
  expect(await story(large.id)).toContainEqual(expect.stringMatching(/the set has 9\.\d MB, where 4\.\d MB are usual/));
  expect(await story(small.id)).toContainEqual(expect.stringMatching(/where 4\.\d MB are usual: is something missing/));
});
