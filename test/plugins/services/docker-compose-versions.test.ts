/** What a Compose project runs, as it is told to the version check: on a real engine and a real registry. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import { plugin } from '#plugins/services/docker-compose/index.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { tempDir } from '#test/support/tmp.ts';

let engine: TestEngine;
let registry: TestRegistry;
let harness: PluginHarness;

beforeAll(async () => {
  if (!canRunDocker() || !hasTool('docker-registry')) return;
  engine = await startDocker();
  registry = await startRegistry();
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});
beforeEach(async (context) => {
  needsDocker(context);
  needsRegistry(context);
  harness = await openPlugin(plugin);
});
afterEach(async () => {
  await engine.clear();
  await harness[Symbol.asyncDispose]();
});

describe('versions of a project', () => {
  test('are the written name, the digest of the registry, the id and the platform of what runs', async () => {
    await using dir = await tempDir();
    const reference = `${registry.host}/shop/web:1.0`;
    await engine.docker('tag', IMAGE, reference);
    await engine.docker('push', reference);
    const [id, pushed] = await inspected(reference);
    await up(dir.path, { web: reference });

    const { images } = await harness.run('versions', config(dir.path));

    const platform = expect.stringMatching(/^linux\/[a-z0-9]+/);
    expect(images).toEqual([{ name: 'web', reference, digest: pushed, imageId: id, platform }]);
  });

  test('stay those of the running container when its tag was moved on the machine', async () => {
    await using dir = await tempDir();
    const reference = `${registry.host}/shop/web:1.0`;
    await engine.docker('tag', IMAGE, reference);
    await engine.docker('push', reference);
    const [id, pushed] = await inspected(reference);
    await up(dir.path, { web: reference });
    await registry.push('shop/web:1.0', { content: 'newer' });
    await engine.docker('pull', reference);

    const { images } = await harness.run('versions', config(dir.path));

    expect(images).toMatchObject([{ digest: pushed, imageId: id }]);
  });

  test('say nothing more of an image that was removed by force under its stopped container', async () => {
    await using dir = await tempDir();
    const id = await engine.docker('commit', await engine.docker('create', IMAGE, 'true'), 'gone:1');
    await up(dir.path, { web: 'gone:1' });
    await engine.compose(join(dir.path, 'shop'), 'stop', '--timeout', '1');
    await engine.docker('rmi', '--force', id);

    const { images } = await harness.run('versions', config(dir.path));

    expect(images).toEqual([{ name: 'web', reference: 'gone:1', digest: null, imageId: id, platform: null }]);
  });

  test('have no digest where the image came from no registry', async () => {
    await using dir = await tempDir();
    await up(dir.path, { web: IMAGE, worker: IMAGE });

    const { images } = await harness.run('versions', config(dir.path));

    expect(images).toMatchObject([
      { name: 'web', reference: IMAGE, digest: null },
      { name: 'worker', reference: IMAGE, digest: null },
    ]);
  });
});

async function inspected(reference: string): Promise<[id: string, digest: string]> {
  const printed = await engine.docker('image', 'inspect', '--format', '{{.Id}} {{index .RepoDigests 0}}', reference);
  const [id = '', digest = ''] = printed.split(' ');
  return [id, digest.slice(digest.indexOf('@') + 1)];
}

function config(directory: string) {
  return { path: join(directory, 'shop'), socket: engine.socket, backup: {} };
}

async function up(directory: string, images: Record<string, string>): Promise<void> {
  const path = join(directory, 'shop');
  const services = Object.entries(images).map(([name, image]) => [
    name,
    { image, network_mode: 'none', init: true, command: ['sleep', '1000'] },
  ]);
  await mkdir(path);
  await writeFile(
    join(path, 'compose.yaml'),
    JSON.stringify({ version: '3.7', services: Object.fromEntries(services) }),
  );
  await engine.compose(path, 'up', '-d');
}
