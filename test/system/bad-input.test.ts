/** What users get wrong, or what goes wrong under them: a clear error, and nothing lost. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startHomelab } from '#test/support/homelab.ts';
import { mountTmpfs } from '#test/support/mounts.ts';

const GLOBAL = 'global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }\n';

test('a destination that is full in mid-copy keeps no half, and the other copy is kept and verified', async (context) => {
  await using lab = await startHomelab(`${GLOBAL}
destinations: { usb: { type: local, path: DIR/usb }, small: { type: local, path: DIR/small } }
services:
  - { name: notes, type: generic, backup: { paths: [DIR/data], destinations: [usb, small] } }
`);
  await using small = await mountTmpfs(context, join(lab.dir, 'small'), '2m');
  await lab.write('data/a.txt', 'one');
  await writeFile(join(lab.dir, 'data', 'noise.bin'), randomBytes(1_800_000));
  // What is not ours takes most of the room; how well the data compresses is not known before it is copied.
  await writeFile(join(small.path, 'film.bin'), Buffer.alloc(1_500_000));
  const stack = await lab.start(['up', '--no-ui']);

  const run = await lab.backup('notes');

  expect(run).toMatchObject({ status: 'failed', restorePoint: expect.any(String) });
  expect(run.reason).toMatch(/copy → small.*small/);
  expect(await readdir(join(small.path, 'notes')).catch(() => [])).toEqual([]);
  const { restorePoints } = JSON.parse((await lab.cli(['backups', '--json'])).stdout);
  expect(restorePoints).toMatchObject([{ copies: [{ destination: 'usb', status: 'verified' }] }]);
  await stack.stop();
});

test('without redis-server the start says what to install, and starts nothing', async () => {
  await using lab = await startHomelab(`${GLOBAL}services: []\n`);
  const bin = join(lab.dir, 'bin');
  await mkdir(bin);
  for (const tool of ['sh', 'dirname', 'readlink', 'env', 'tar', 'zstd']) {
    const found = execFileSync('which', [tool], { encoding: 'utf8' }).trim();
    await symlink(found, join(bin, tool));
  }

  const { status, stderr } = await lab.cli(['up', '--no-ui'], undefined, { PATH: bin });

  expect(status).toBe(1);
  expect(stderr).toMatch(/neither redis-server nor valkey-server is installed[\s\S]*apt install redis-server/);
});

test('with Redis away a request is refused with its own exit status, and nothing is accepted', async () => {
  await using lab = await startHomelab(`${GLOBAL}redis: { url: "redis://:hidden@127.0.0.1:1" }
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - { name: notes, type: generic, backup: { paths: [DIR/data], destinations: [usb] } }
`);

  const { status, stderr, stdout } = await lab.cli(['enqueue', 'backup', 'notes', '--json']);

  expect(status).toBe(3);
  expect(stdout).toBe('');
  expect(stderr).toContain('cannot reach Redis at 127.0.0.1:1 (connection refused)');
  expect(stderr).not.toContain('hidden');
});

test('a second up on the same state directory is refused with the pid of the first', async () => {
  await using lab = await startHomelab(`${GLOBAL}services: []\n`);
  await lab.start(['up', '--no-ui']);

  const { status, stderr } = await lab.cli(['up', '--no-ui']);

  expect(status).not.toBe(0);
  expect(stderr).toMatch(/another {2}homelab-autopilot up \(pid \d+\)/);
});

test('a plugin with a syntax error is named and left out, and the rest works', async () => {
  await using lab = await startHomelab(`${GLOBAL}services: []\n`);
  await lab.write('plugins.d/services/broken.ts', 'export const plugin = {{{');

  const { status, stdout, stderr } = await lab.cli(['plugins', 'list']);

  expect(stdout).toContain('generic');
  expect(stdout + stderr).toContain('broken.ts');
  expect(status).toBe(0);
});

test('a service whose plugin has a syntax error is told the mistake, not that its type is unknown', async () => {
  await using lab = await startHomelab(`${GLOBAL}services: [{ name: diary, type: diary }]\n`);
  await lab.write('plugins.d/services/diary.ts', 'export const plugin = {{{');

  const { status, stdout } = await lab.cli(['config', 'validate']);

  expect(status).toBe(2);
  expect(stdout).toMatch(/services\[0\]\.type\n {2}its plugin .*diary\.ts was left out: line 1: /);
  expect(stdout).not.toContain('unknown service type');
});

test('a plugin of one file in plugins.d backs a service up with nothing of ours touched', async () => {
  await using lab = await startHomelab(`${GLOBAL}
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - { name: diary, type: diary, folder: DIR/diary, backup: { destinations: [usb] } }
`);
  await lab.write('diary/today.txt', 'it rained');
  await lab.write(
    'plugins.d/services/diary.ts',
    `/** A diary: one folder of text files. */
import { service } from 'homelab-autopilot/sdk';
import { z } from 'zod';

export const plugin = service.define({
  id: 'diary',
  title: 'A diary',
  config: z.object({ folder: z.string().describe('Where the pages are') }),
  actions: {
    inspect: async () => ({ state: 'up', detail: 'paper needs no power' }),
    sources: async ({ config }) => ({ sources: [{ path: config.folder }] }),
    quiesce: async () => ({ summary: 'nothing to stop', outage: false }),
    resume: async () => ({ summary: 'nothing to start' }),
    validate: async () => ({ healthy: true, summary: 'readable', probes: [] }),
  },
});
`,
  );
  await lab.start(['up', '--no-ui']);

  const run = await lab.backup('diary');

  expect(run.status).toBe('succeeded');
  const { stdout } = await lab.cli(['backups', 'files', run.restorePoint ?? '']);
  expect(stdout).toContain('today.txt');
});

/** A service whose plugin runs a command when it is brought to rest. */
const restless = (id: string, command: string) => `/** ${id}. */
import { service } from 'homelab-autopilot/sdk';
import { z } from 'zod';

export const plugin = service.define({
  id: '${id}',
  title: '${id}',
  config: z.object({ folder: z.string().describe('Where the files are') }),
  actions: {
    inspect: async () => ({ state: 'up', detail: 'yes' }),
    sources: async ({ config }) => ({ sources: [{ path: config.folder }] }),
    quiesce: async (tools) => {
      await tools.exec(['sh', '-c', '${command}']);
      return { summary: 'at rest', outage: false };
    },
    resume: async () => ({ summary: 'goes on' }),
    validate: async () => ({ healthy: true, summary: 'readable', probes: [] }),
  },
});
`;

test('a plugin that hangs is stopped at its time limit, and one that prints a hundred megabytes is backed up, and says so in its log', async () => {
  const serviceOf = (name: string) =>
    `  - { name: ${name}, type: ${name}, folder: DIR/data, backup: { timeout: 2m, destinations: [usb] } }\n`;
  await using lab = await startHomelab(`${GLOBAL}
destinations: { usb: { type: local, path: DIR/usb } }
services:
${serviceOf('talkative')}${serviceOf('stuck').replace('2m', '1s')}`);
  await lab.write('data/a.txt', 'one');
  await lab.write('plugins.d/services/talkative.ts', restless('talkative', 'yes | head -c 104857600'));
  await lab.write('plugins.d/services/stuck.ts', restless('stuck', 'sleep 1000'));
  await lab.start(['up', '--no-ui']);

  const [stuck, talkative] = await Promise.all([lab.backup('stuck'), lab.backup('talkative')]);

  expect(stuck).toMatchObject({ status: 'failed', next: expect.stringContaining('timeout') });
  expect(stuck.steps).toContainEqual(expect.objectContaining({ action: 'quiesce', errorCode: 'HA_STEP_TIMEOUT' }));
  expect(stuck.steps).toContainEqual(expect.objectContaining({ action: 'resume', status: 'succeeded' }));
  expect(talkative.status).toBe('succeeded');
  const { stdout } = await lab.cli(['runs', 'logs', talkative.id]);
  expect(stdout).toContain('sh prints a lot: what follows of its stdout is not logged');
  expect(stdout).toContain('sh printed more than 1 MiB on stdout');
});
