/** Restore drills of a Compose project on a real engine: the newest set comes to life beside the project, and leaves nothing. */
import { access, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { freePort } from '#test/support/redis.ts';

let engine: TestEngine;
let lab: TestHomelab;
let port: number;

beforeAll(async () => {
  if (!canRunDocker()) return;
  engine = await startDocker();
  port = await freePort();
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { gate: { timeout: 8s, stable_for: 500ms } }
services:
  - name: shop
    type: docker-compose
    path: ./shop
    project: shop
    socket: ${engine.socket}
    validate: [{ type: command, command: ["false"] }]
    backup: { destinations: [usb], paths: [DIR/media], quiesce: { timeout: 20s } }
  - name: site
    type: docker-compose
    path: ./site
    project: site
    socket: ${engine.socket}
    validate: [{ type: http, url: "http://localhost:${port}/note", body_contains: precious }]
    backup: { destinations: [usb], quiesce: { timeout: 20s } }
`);
  await lab.write('faults/.here', '');
  vi.stubEnv('HOMELAB_AUTOPILOT_FAULTS', join(lab.dir, 'faults'));
  await lab.start(['up', '--port', '0']);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await lab?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

/** It is healthy as long as its volume, its bind mounts and its settings are what they were. */
const HEALTH = `test "$$(cat /data/note)" = precious && test "$$(cat /media/film)" = film && test "$$COLOUR" = blue`;

function composeFile(more = ''): string {
  return `services:
  web:
    image: "${IMAGE}"
    container_name: the-shop
    network_mode: none
    init: true
    command: [sleep, "1000"]
    restart: unless-stopped
    stop_grace_period: 1s
    labels: { traefik.enable: "true" }
    volumes: ["files:/data", "./media:/media", "MISSING:/elsewhere", "/cache"]
    environment: { COLOUR: "\${COLOUR}" }
    healthcheck: { test: [CMD-SHELL, '${HEALTH}'], interval: 1s, retries: 2 }
${more}volumes: { files: }
`.replace('MISSING', join(lab.dir, 'elsewhere'));
}

const project = () => join(lab.dir, 'shop');

beforeEach(async (context) => {
  needsDocker(context);
  await engine.clear();
  await lab.write('media/film', 'film');
  await lab.write('elsewhere/living', 'living');
  await lab.write('shop/compose.yaml', composeFile());
  await lab.write('shop/.env', 'COLOUR=blue\n');
  // As people have it whose media lie on another disk.
  await symlink(join(lab.dir, 'media'), join(project(), 'media')).catch(() => undefined);
  await engine.compose(project(), 'up', '-d');
  await engine.docker('exec', 'the-shop', 'sh', '-c', 'echo precious > /data/note');
  await lab.backup('shop');
});

async function drill(input: string[] = [], service = 'shop'): Promise<RunDetail> {
  return await lab.run('drill', service, input);
}

/** Everything on the engine, and in the staging directory. */
async function world(): Promise<string[]> {
  const asked = [
    await engine.docker('ps', '-aq', '--no-trunc'),
    await engine.docker('volume', 'ls', '-q'),
    await engine.docker('network', 'ls', '-q'),
    await engine.docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'),
    (await readdir(join(lab.dir, 'state', 'backups', 'staging'))).join('\n'),
    await readFile(join(lab.dir, 'elsewhere', 'living'), 'utf8'),
  ];
  return asked;
}

test('a drill brings the newest set to life beside the project, proves it, and leaves everything as it was', async () => {
  const before = await world();

  const run = await drill();

  expect(run).toMatchObject({ status: 'succeeded', reason: null });
  expect(run.steps.find(({ action }) => action === 'trial')?.summary).toContain('web started apart');
  expect(await world()).toEqual(before);
});

test('a set whose project does not come to life fails its drill, and leaves nothing either', async () => {
  await engine.docker('exec', 'the-shop', 'sh', '-c', 'echo spoiled > /data/note');
  await lab.backup('shop');
  await engine.docker('exec', 'the-shop', 'sh', '-c', 'echo precious > /data/note');
  const before = await world();

  const run = await drill();

  expect(run).toMatchObject({ status: 'failed' });
  expect(run.reason).toContain('container web: running, unhealthy');
  expect(await world()).toEqual(before);
});

test('a worker that is killed while a copy is started leaves nothing of it', async () => {
  const before = await world();
  await writeFile(join(lab.dir, 'faults', `step.effect~die~${TRIAL_PASSES}`), '');

  const run = await drill();

  await access(join(lab.dir, 'faults', 'done~step.effect'));
  expect(run).toMatchObject({ status: 'succeeded' });
  expect(await world()).toEqual(before);
});

test('a probe that asks at a port of the project is asked of its copy, and tells what is wrong with it', async () => {
  const [good, spoiled] = ['precious', 'spoiled'];
  await lab.write(
    'site/compose.yaml',
    `services:
  web:
    image: "${IMAGE}"
    init: true
    command: [httpd, -f, -p, "80", -h, /data]
    ports: ["127.0.0.1:${port}:80"]
    stop_grace_period: 1s
    volumes: ["./data:/data"]
`,
  );
  await lab.write('site/data/note', good);
  await engine.compose(join(lab.dir, 'site'), 'up', '-d');
  await lab.backup('site');
  await lab.write('site/data/note', spoiled);
  const before = await world();

  const proven = await drill([], 'site');

  expect(proven).toMatchObject({ status: 'succeeded', reason: null });
  expect(proven.steps.find(({ action }) => action === 'trial')?.summary).toContain('all 2 checks are good');
  expect(await world()).toEqual(before);
  // The living one has been mended when the drill of its spoiled backup looks.
  await lab.backup('site');
  await lab.write('site/data/note', good);
  const failed = await drill([], 'site');
  expect(failed.reason).toContain(`/note: answered 200, but without the text "${good}"`);
  expect(await world()).toEqual([...before.slice(0, 4), expect.anything(), before[5]]);
});

/** How many steps of a drill have taken effect when the copy was started. */
const TRIAL_PASSES = 3;
