/** What would keep a release from running here is found before anything is stopped or replaced: on real engines. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/docker-compose/index.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

const FILE = `version: "2.4"
services:
  web:
    image: "${IMAGE}"
    container_name: the-shop
    init: true
    command: [sleep, "1000"]
    volumes: ["files:/data"]
    networks: { inner: { ipv4_address: 10.213.9.10 }, outer: }
networks:
  inner: { ipam: { config: [{ subnet: 10.213.9.0/24 }] } }
  outer: { external: true, name: outer }
volumes: { files: }
`;

let engine: TestEngine;
let elsewhere: TestEngine;
let dir: TempDir;
let harness: PluginHarness;
let path: string;
let release: unknown;

beforeAll(async () => {
  dir = await tempDir();
  if (!canRunDocker()) return;
  [engine, elsewhere] = await Promise.all([startDocker(), startDocker()]);
  path = join(dir.path, 'shop');
  await mkdir(path);
  await writeFile(join(path, 'compose.yaml'), FILE);
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await elsewhere?.[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

beforeEach(async (context) => {
  needsDocker(context);
  harness = await openPlugin(plugin);
  await engine.docker('network', 'create', 'outer');
  await engine.compose(path, 'up', '-d');
  ({ release } = await harness.run('release', { path, socket: engine.socket, backup: {} }));
});
afterEach(async () => {
  await engine?.clear();
  await elsewhere?.clear();
  await harness?.[Symbol.asyncDispose]();
});

const ready = (more: JsonObject = {}, data = true) =>
  harness.run('ready', { path, socket: engine.socket, backup: {}, ...more }, { release: release as JsonObject, data });

/** Takes what the project had, as it would be on a machine where something else came first. */
async function squat(...words: string[]): Promise<void> {
  await engine.docker('rm', '--force', 'the-shop');
  await engine.docker('run', '-d', ...words, IMAGE, 'sleep', '1000');
}

test('nothing is in the way of a release that runs, or of one whose containers are gone', async () => {
  const running = await ready();
  await engine.docker('rm', '--force', 'the-shop');
  await engine.docker('volume', 'rm', 'shop_files');
  await engine.docker('network', 'rm', 'shop_inner');

  expect([running, await ready()]).toEqual([
    { summary: 'nothing is in its way' },
    { summary: 'nothing is in its way' },
  ]);
});

test('the name of a container that somebody else has taken is found out', async () => {
  await squat('--network', 'none', '--name', 'the-shop');

  await expect(ready()).rejects.toMatchObject({
    code: 'HA_CONFLICT',
    message: expect.stringContaining('another container with the name the-shop'),
  });
});

test('an address that somebody else has taken is found out', async () => {
  await squat('--network', 'shop_inner', '--ip', '10.213.9.10', '--name', 'thief');

  await expect(ready()).rejects.toMatchObject({
    code: 'HA_CONFLICT',
    message: expect.stringContaining('10.213.9.10 in the network shop_inner is taken by container thief'),
  });
});

test('a network of others that is not there is found out, with how to make it', async () => {
  await engine.docker('rm', '--force', 'the-shop');
  await engine.docker('network', 'rm', 'outer');

  await expect(ready()).rejects.toMatchObject({
    code: 'HA_NOT_FOUND',
    next: expect.stringContaining('docker network create outer'),
  });
});

test('an engine that keeps its volumes elsewhere is not handed data where it would never look', async () => {
  await elsewhere.docker('network', 'create', 'outer');

  await expect(ready({ socket: elsewhere.socket })).rejects.toMatchObject({
    code: 'HA_CONFLICT',
    message: expect.stringMatching(/volume shop_files was in .*, and this engine has it in /),
    next: expect.stringContaining('--to DIRECTORY'),
  });
  expect(await ready({ socket: elsewhere.socket }, false)).toEqual({ summary: 'nothing is in its way' });
});

test('a project that is looked for in another directory is not started without its files', async () => {
  await mkdir(join(dir.path, 'moved'), { recursive: true });

  await expect(ready({ path: join(dir.path, 'moved'), project: 'shop' })).rejects.toMatchObject({
    code: 'HA_CONFLICT',
    message: expect.stringContaining(`has the project in ${path}`),
  });
});
