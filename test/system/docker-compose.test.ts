/** A Compose project through the whole program: backed up, destroyed, restored, and up again after a crash. */
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';

const SERVICE = `
services:
  app: { image: "${IMAGE}", network_mode: none, init: true, command: [sleep, "1000"], volumes: ["files:/files", "./data:/data"] }
volumes: { files: }
`;
let engine: TestEngine;
let lab: TestHomelab;
let faults: string;

beforeAll(async () => {
  if (!canRunDocker()) return;
  engine = await startDocker();
  const config = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - name: app
    type: docker-compose
    path: ./stack
    socket: ${engine.socket}
    backup: { destinations: [usb], quiesce: { stop: [app] } }
`;
  lab = await startHomelab(config);
  faults = join(lab.dir, 'faults');
  await mkdir(faults);
  await lab.write('stack/compose.yaml', SERVICE);
  await lab.write('stack/data/note.txt', 'in the directory');
  await engine.compose(join(lab.dir, 'stack'), 'up', '-d');
  vi.stubEnv('HOMELAB_AUTOPILOT_FAULTS', faults);
  await lab.start(['up', '--port', '0']);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await lab?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});
beforeEach((context) => needsDocker(context));

const inApp = async (...words: string[]) => {
  const id = await engine.docker('ps', '-q', '--filter', 'label=com.docker.compose.service=app');
  return engine.docker('exec', id, ...words);
};

test('a project whose volume is destroyed is restored with what was in it, and runs', async () => {
  const stack = join(lab.dir, 'stack');
  await inApp('sh', '-c', 'echo in the volume > /files/note.txt');
  const run = await lab.backup('app');
  expect(run).toMatchObject({ status: 'succeeded' });
  expect(await inApp('cat', '/data/note.txt')).toBe('in the directory');

  await engine.clear();
  await rm(stack, { recursive: true });
  const restore = ['backups', 'restore', run.restorePoint ?? ''];
  const directory = await lab.cli([...restore, '--only', `${stack}/**`]);
  await engine.compose(stack, 'up', '--no-start');
  const all = await lab.cli([...restore, '--overwrite']);
  await engine.docker('start', await engine.docker('ps', '-aq'));

  expect([directory, all]).toMatchObject([{ status: 0 }, { status: 0 }]);
  expect(await inApp('cat', '/files/note.txt')).toBe('in the volume');
  expect(await inApp('cat', '/data/note.txt')).toBe('in the directory');
});

test('a service that was stopped when its worker was killed is up at the end', async () => {
  const started = async () =>
    engine.docker('inspect', '--format', '{{.State.StartedAt}}', await engine.docker('ps', '-q'));
  const before = await started();
  await writeFile(join(faults, 'capture.middle~die~1'), '');

  const run = await lab.backup('app');

  await access(join(faults, 'done~capture.middle'));
  expect(run.status).toBe('succeeded');
  expect(await inApp('cat', '/data/note.txt')).toBe('in the directory');
  expect(await started()).not.toBe(before);
});
