/** The registry client against a real registry: digests, tags and facts, by as few requests as can be. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseReference } from '#sdk/registry/reference.ts';
import { openRegistries } from '#sdk/registry/registries.ts';
import { type Certificates, makeCertificates } from '#test/support/certificates.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { needsRegistry, REGISTRY_USER, startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { registryTools, secretAt } from '#test/support/registry-tools.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

const NOWHERE = '/nonexistent/config.json';
const AMD = 'linux/amd64';

let registry: TestRegistry;
beforeAll(async () => {
  if (hasTool('docker-registry')) registry = await startRegistry();
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});
beforeEach((context) => needsRegistry(context));

function open(options: Partial<Parameters<typeof openRegistries>[1]> = {}, tools = registryTools()) {
  return { tools, registries: openRegistries(tools, { registries: {}, dockerConfig: NOWHERE, ...options }) };
}

describe('a registry', () => {
  test('tells what a tag points to by one HEAD, the digest of the index for several platforms', async () => {
    const pushed = await registry.push('one/app:1.0', { platforms: [AMD, 'linux/arm64/v8'] });
    const { registries, tools } = open();

    const digest = await registries.digest(parseReference(`${registry.host}/one/app:1.0`), '1.0', null);

    expect(digest).toEqual({ ok: true, value: pushed.digest });
    expect(tools.sent).toEqual(['GET /v2/', 'HEAD /v2/one/app/manifests/1.0']);
  });

  test('answers with nothing at all while a tag has not moved, and with the new digest when it has', async () => {
    const reference = parseReference(`${registry.host}/one/moving`);
    const old = await registry.push('one/moving:latest', { content: 'old' });
    const first = open();
    const statuses: number[] = [];
    const { fetch } = first.tools;
    first.tools.fetch = async (...words) => {
      const response = await fetch(...words);
      statuses.push(response.status);
      return response;
    };
    const before = await first.registries.digest(reference, 'latest', old.digest);
    await registry.push('one/moving:2.0', { content: 'new' });
    const moved = await registry.move('one/moving', 'latest', '2.0');

    const after = await open().registries.digest(reference, 'latest', old.digest);

    expect([before, after]).toEqual([
      { ok: true, value: old.digest },
      { ok: true, value: moved },
    ]);
    expect(moved).not.toBe(old.digest);
    expect(statuses).toEqual([200, 304]);
  });

  test('tells all tags', async () => {
    const tags = ['1.0', '1.1', '2.0', 'latest'];
    await registry.push('one/many:1.0');
    for (const tag of tags) await registry.move('one/many', tag, '1.0');

    const answer = await open().registries.tags(parseReference(`${registry.host}/one/many`));

    expect(answer.ok && answer.value.toSorted()).toEqual(tags);
  });

  test('tells when the image for a platform was made, and fetches no layer for it', async () => {
    const created = new Date('2026-03-01T10:00:00Z');
    const pushed = await registry.push('one/dated:1', { created, platforms: [AMD, 'linux/arm64/v8'] });
    const { registries, tools } = open();

    const facts = await registries.facts(parseReference(`${registry.host}/one/dated`), '1', 'linux/arm64');

    const { digest, imageId } = pushed.manifests['linux/arm64/v8'] ?? { digest: '', imageId: '' };
    const value = { digest: pushed.digest, manifestDigest: digest, imageId, createdAt: created.toISOString() };
    expect(facts).toEqual({ ok: true, value });
    const blobs = tools.sent.filter((line) => line.includes('/blobs/'));
    expect(blobs).toEqual([`GET /v2/one/dated/blobs/${imageId}`]);
  });

  test('has an image for other machines only: that is said, and no other platform is taken', async () => {
    await registry.push('one/arm:1', { platforms: ['linux/arm64/v8', 'linux/s390x'] });

    const facts = await open().registries.facts(parseReference(`${registry.host}/one/arm`), '1', AMD);

    expect(facts).toMatchObject({ ok: false, reason: 'missing', detail: expect.stringContaining('not made for') });
  });

  test('has an image for one other machine alone, without an index: that is said as well', async () => {
    await registry.push('one/foreign:1', { platforms: ['linux/s390x'] });
    await registry.push('one/variant:1', { platforms: ['linux/arm64/v8'] });
    const facts = async (name: string, platform: string) =>
      open().registries.facts(parseReference(`${registry.host}/one/${name}`), '1', platform);

    const detail = expect.stringContaining(`is made for linux/s390x, and not for ${AMD}`);
    expect(await facts('foreign', AMD)).toMatchObject({ ok: false, reason: 'missing', detail });
    expect(await facts('foreign', 'linux/s390x')).toMatchObject({ ok: true });
    expect(await facts('variant', 'linux/arm64')).toMatchObject({ ok: true });
  });

  test('does not tell the age of an image that was made to be reproducible', async () => {
    await registry.push('one/timeless:1', { created: new Date(0) });

    const facts = await open().registries.facts(parseReference(`${registry.host}/one/timeless`), '1', AMD);

    expect(facts).toMatchObject({ ok: true, value: { createdAt: null } });
  });

  test('does not have what does not exist', async () => {
    const { registries } = open();

    const [digest, tags] = await Promise.all([
      registries.digest(parseReference(`${registry.host}/no/such`), 'latest', null),
      registries.tags(parseReference(`${registry.host}/no/such`)),
    ]);

    expect(digest).toMatchObject({ ok: false, reason: 'missing' });
    expect(tags).toMatchObject({ ok: false, reason: 'missing' });
  });

  test('is asked each question once, and never too much at a time', async () => {
    const tags = Array.from({ length: 20 }, (_, i) => `${i}`);
    for (const tag of tags) await registry.push(`one/busy:${tag}`, { content: tag });
    const { registries, tools } = open({ atOnce: 3 });
    const image = parseReference(`${registry.host}/one/busy`);

    await Promise.all([...tags, ...tags].map((tag) => registries.digest(image, tag, null)));

    expect(tools.sent).toHaveLength(21);
    expect(tools.mostAtOnce()).toBe(3);
  });

  test('that is away is unreachable, and is tried once for all of its images', async () => {
    await using away = await startRegistry();
    await away.pause();
    const { registries, tools } = open();

    const answers = await Promise.all(
      ['a', 'b', 'c'].map((name) => registries.digest(parseReference(`${away.host}/${name}`), 'latest', null)),
    );

    for (const answer of answers) expect(answer).toMatchObject({ ok: false, reason: 'unreachable' });
    expect(tools.sent).toEqual(['GET /v2/']);
  });
});

describe('a registry with a password', () => {
  let closed: TestRegistry;
  beforeAll(async () => {
    if (hasTool('docker-registry')) closed = await startRegistry({ password: true });
  });
  afterAll(async () => {
    await closed?.[Symbol.asyncDispose]();
  });

  const ask = async (options: Parameters<typeof open>[0], secrets: Record<string, string> = {}) =>
    open(options, registryTools({ secrets })).registries.digest(parseReference(`${closed.host}/app`), '1', null);

  test('is entered with the secret of the configuration', async () => {
    const { digest } = await closed.push('app:1');
    const mine = { username: REGISTRY_USER.username, password: secretAt('p') };

    const answer = await ask({ registries: { [closed.host]: mine } }, { p: REGISTRY_USER.password });

    expect(answer).toEqual({ ok: true, value: digest });
  });

  test('is entered with what docker login wrote down', async () => {
    await using dir = await tempDir();
    const { digest } = await closed.push('app:1');
    const dockerConfig = join(dir.path, 'config.json');
    const auth = Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64');
    await writeFile(dockerConfig, JSON.stringify({ auths: { [closed.host]: { auth } } }));

    expect(await ask({ dockerConfig })).toEqual({ ok: true, value: digest });
  });

  test('refuses a wrong password, and the password is in no message', async () => {
    const mine = { username: 'keeper', password: secretAt('p') };

    const answer = await ask({ registries: { [closed.host]: mine } }, { p: 'wrong-password' });

    expect(answer).toMatchObject({ ok: false, reason: 'unauthorized' });
    expect(JSON.stringify(answer)).toContain('keeper');
    expect(JSON.stringify(answer)).not.toContain('wrong-password');
  });

  test('says where credentials go when there are none', async () => {
    const answer = await ask({});

    expect(answer).toMatchObject({ ok: false, reason: 'unauthorized' });
    expect(JSON.stringify(answer)).toContain('updates.registries');
  });

  test('says that a token of identity is of no use where a password is wanted', async () => {
    await using dir = await tempDir();
    const dockerConfig = join(dir.path, 'config.json');
    const entry = { auth: Buffer.from('me:').toString('base64'), identitytoken: 'secret-token' };
    await writeFile(dockerConfig, JSON.stringify({ auths: { [closed.host]: entry } }));

    const answer = await ask({ dockerConfig });

    expect(answer).toMatchObject({ ok: false, reason: 'unsupported' });
    expect(JSON.stringify(answer)).not.toContain('secret-token');
  });

  test('is not entered as anybody when Docker’s file is damaged, and nothing of the file is shown', async () => {
    await using dir = await tempDir();
    const dockerConfig = join(dir.path, 'config.json');
    await writeFile(dockerConfig, '{"auths": {"x": {"auth": "c2VjcmV0"');

    const answer = await ask({ dockerConfig });

    expect(answer).toMatchObject({ ok: false, reason: 'unauthorized' });
    expect(JSON.stringify(answer)).not.toContain('c2VjcmV0');
  });
});

describe('a registry with a certificate', () => {
  let dir: TempDir;
  let certificates: Certificates;
  let encrypted: TestRegistry;
  beforeAll(async () => {
    dir = await tempDir();
    if (!hasTool('docker-registry') || !hasTool('openssl')) return;
    certificates = await makeCertificates(dir.path);
    encrypted = await startRegistry({ certificates });
  });
  afterAll(async () => {
    await encrypted?.[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });
  beforeEach((context) => needs(context, 'openssl'));

  test('that nobody vouches for is not believed', async () => {
    await encrypted.push('app:1');

    const answer = await open().registries.digest(parseReference(`${encrypted.host}/app`), '1', null);

    expect(answer).toMatchObject({ ok: false, reason: 'unreachable', detail: expect.stringMatching(/certificate/i) });
  });

  test('of an authority that the machine knows is believed', async () => {
    const { digest } = await encrypted.push('app:1');
    const before = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...before, readFileSync(certificates.ca, 'utf8')]);
    try {
      const answer = await open().registries.digest(
        parseReference(`localhost:${encrypted.host.split(':')[1]}/app`),
        '1',
        null,
      );

      expect(answer).toEqual({ ok: true, value: digest });
    } finally {
      tls.setDefaultCACertificates(before);
    }
  });
});
