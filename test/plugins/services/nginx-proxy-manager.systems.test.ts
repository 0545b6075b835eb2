/** Nginx Proxy Manager, by a stand-in on a real engine: half a backup is refused, half a way back is refused, and what it manages is counted. */
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { performAction } from '#host/perform.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/nginx-proxy-manager/index.ts';
import { openStage, type Stage, stepOf } from '#test/host/stage.ts';
import { canRunDocker, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import {
  ACCOUNT,
  composeFile,
  importVersion,
  type ManagerPlace,
  makePlace,
} from '#test/support/nginx-proxy-manager.ts';
import { root } from '#test/support/sources.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

let engine: TestEngine;
let dir: TempDir;
let stage: Stage;
let place: ManagerPlace;

const PASSWORD = { $secret: { path: 'manager.password', source: { from: 'configuration' } } };

beforeAll(async () => {
  if (!canRunDocker()) return;
  dir = await tempDir();
  engine = await startDocker();
  stage = await openStage({ plugins: [plugin], secrets: { 'manager.password': ACCOUNT.password, wrong: 'no' } });
  await importVersion(engine, dir.path, 'manager:1', { minor: 1, schema: 1 });
  await importVersion(engine, dir.path, 'manager:2', { minor: 2, schema: 2 });
  await importVersion(engine, dir.path, 'manager:3', { minor: 3, schema: 2, loses: true });
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  await dir?.[Symbol.asyncDispose]();
});

/** Each test has a manager of version 1 that has never run before. */
let count = 0;
beforeEach(async (context) => {
  needsDocker(context);
  await engine.clear();
  place = await makePlace(join(dir.path, `${count++}`));
  await writeFile(join(place.path, 'compose.yaml'), composeFile(place, 'manager:1'));
  await engine.compose(place.path, 'up', '-d');
  await eventually('the manager answers', async () => (await api('/api/')) !== undefined);
});

const admin = () => `http://127.0.0.1:${place.admin}`;

async function api(path: string, headers: Record<string, string> = {}): Promise<unknown> {
  const asked = fetch(`${admin()}${path}`, { headers: { ...headers, connection: 'close' } });
  return await asked.then(
    async (reply) => await reply.json(),
    () => undefined,
  );
}

async function run(
  action: string,
  input: JsonObject = {},
  more: Record<string, Json | undefined> = {},
): Promise<JsonObject> {
  const all = {
    path: place.path,
    socket: engine.socket,
    url: admin(),
    http_port: place.http,
    email: ACCOUNT.email,
    password: PASSWORD,
    start_timeout: '8s',
    backup: {},
    ...more,
  };
  // What is left out does not travel.
  const config = JSON.parse(JSON.stringify(all)) as JsonObject;
  const ref = { kind: 'service', type: plugin.id, name: 'manager', config } as const;
  const step = stepOf(stage, { plugin: ref, action, input, timeoutMs: 120_000 });
  return performAction(step, stage.ports, new AbortController().signal);
}

const releaseNow = async () => (await run('release'))['release'] as JsonObject;
const goTo = (tag: string) => ({ to: tag, targets: [{ name: 'app', reference: `manager:${tag}`, digest: null }] });

describe('a backup', () => {
  test('has the database, the keys and the certificates, and stops the manager for it', async () => {
    const { sources } = await run('sources');
    const quiesced = await run('quiesce');
    await run('resume');

    const paths = (sources as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual([place.path, expect.stringContaining('letsencrypt')]);
    expect(quiesced).toMatchObject({ outage: true });
    expect(await readFile(join(place.path, 'data/database.sqlite'), 'latin1')).toContain('SQLite format 3');
    expect((await lstat(join(paths[1] ?? '', 'live/npm-1/cert.pem'))).isSymbolicLink()).toBe(true);
  });

  test('that would not have its data is refused', async () => {
    const file = composeFile(place, 'manager:1');
    await writeFile(join(place.path, 'compose.yaml'), file.replace('./data:/data', `${place.path}-elsewhere:/data`));
    await engine.compose(place.path, 'up', '-d');

    const failed = run('sources');

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CONFIG_INVALID',
      message: `manager: ${place.path}-elsewhere, its /data, is not in the backup`,
    });
  });

  test('of a manager that keeps its certificates in its container is refused', async () => {
    const file = composeFile(place, 'manager:1');
    await writeFile(join(place.path, 'compose.yaml'), file.replace('      - letsencrypt:/etc/letsencrypt\n', ''));
    await engine.compose(place.path, 'up', '-d');

    await expect(run('sources')).rejects.toThrow('nothing is mounted at /etc/letsencrypt of it');
  });
});

describe('what it manages', () => {
  test('is told, and noted in the release without any secret', async () => {
    const inspected = await run('inspect');
    const release = await releaseNow();

    expect(inspected).toMatchObject({
      state: 'up',
      version: '2.1.0',
      detail: expect.stringContaining('2 proxy hosts'),
    });
    expect(release['detail']).toMatchObject({
      managed: { counts: { 'proxy hosts': 2, certificates: 1 }, domain: 'photos.example.org', answered: 200 },
    });
    expect(JSON.stringify(release)).not.toContain(ACCOUNT.password);
  });

  test('is the same after an update that works', async () => {
    const release = await releaseNow();

    const updated = await run('update', { ...goTo('2'), release });

    expect(updated['summary']).toContain('2.2.0, 2 proxy hosts');
    expect(await run('validate', { timeoutMs: 5_000 })).toMatchObject({ healthy: true });
  });

  test('is missed after an update that loses it', async () => {
    const release = await releaseNow();

    const failed = run('update', { ...goTo('3'), release });

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CHECK_FAILED',
      message: 'manager: it had 2 proxy hosts, and has 0 now; it answered for photos.example.org, and now: status 502',
    });
  });
});

test('an older image does not start on the data of a newer one, and that is told: they only go back together', async () => {
  const release = await releaseNow();
  await run('update', { ...goTo('2'), release });
  await run('standby', { release });

  const failed = run('revert', { release });

  await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('does not answer') });
  expect(plugin.wholeRollback).toBe(true);
});

describe('an account', () => {
  test('that is refused is told, and its password is not', async () => {
    const failed = run('inspect', {}, { password: { $secret: { path: 'wrong', source: { from: 'configuration' } } } });

    await expect(failed).resolves.toMatchObject({
      state: 'down',
      detail: expect.stringContaining(
        `it refuses the account ${ACCOUNT.email} (status 401: Invalid email or password)`,
      ),
    });
  });

  test('with a second factor is told what to do instead', async () => {
    const { release, warnings } = await run('release', {}, { email: 'second@example.org' });

    expect(warnings).toContainEqual(expect.stringContaining('the account second@example.org has a second factor'));
    expect((release as { detail: JsonObject }).detail['managed']).toBeUndefined();
  });

  test('is not needed: then hosts are not counted, and that is told', async () => {
    const { warnings } = await run('release', {}, { email: undefined, password: undefined });

    expect(warnings).toContainEqual(expect.stringContaining('hosts and certificates were not counted'));
  });
});

test('what answers at a wrong address is not taken for it', async () => {
  const inspected = await run('inspect', {}, { url: `http://127.0.0.1:${place.http}` });

  expect(inspected).toMatchObject({
    state: 'down',
    detail: expect.stringContaining('is not Nginx Proxy Manager (status 502)'),
  });
});

type Schema = Parameters<typeof z.fromJSONSchema>[0];

/** What the vendor publishes: every instance serves it at /api/schema. */
const schemas = process.env['HLA_SCHEMAS'] ?? join(root, '../shared/schemas');

test('the stand-in answers as the published schema says', async (context) => {
  const file = join(schemas, 'nginx-proxy-manager-2.15-openapi.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return context.skip(`needs the vendor's schema, ${file}`);
  const { paths } = JSON.parse(text) as { paths: Record<string, { get: { responses: Record<string, JsonObject> } }> };
  const authorized = { authorization: 'Bearer token' };
  const lists = ['proxy-hosts', 'redirection-hosts', 'dead-hosts', 'streams', 'certificates'];

  for (const path of ['/', ...lists.map((name) => `/nginx/${name}`)]) {
    const content = paths[path]?.get.responses['200']?.['content'] as Record<string, { schema: Schema }> | undefined;
    const schema = z.fromJSONSchema(content?.['application/json']?.schema ?? {});
    const { error } = schema.safeParse(await api(`/api${path}`, authorized));
    expect(error?.issues ?? [], path).toEqual([]);
  }
});
