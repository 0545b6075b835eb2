/** Programs that keep credentials for Docker, before a real registry with a password. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openScratch } from '#host/scratch.ts';
import { createTools } from '#host/tools.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import { openRegistries } from '#sdk/registry/registries.ts';
import type { RegistryTools } from '#sdk/registry/settings.ts';
import { checkImages } from '#sdk/versions/check.ts';
import { openStage, type Stage } from '#test/host/stage.ts';
import { helpersIn, type TestHelpers } from '#test/support/credential-helper.ts';
import { startServer } from '#test/support/http.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, REGISTRY_USER, startRegistry, type TestRegistry } from '#test/support/registry.ts';

const KEPT = { Username: REGISTRY_USER.username, Secret: REGISTRY_USER.password };

/** Long enough for a script, and too short for one that hangs. */
const LIMIT_MS = 2_000;

let registry: TestRegistry;
let digest: string;
let stage: Stage;
let helpers: TestHelpers;
let tools: RegistryTools;

beforeAll(async () => {
  if (!hasTool('docker-registry')) return;
  registry = await startRegistry({ password: true });
  ({ digest } = await registry.push('app:1'));
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});
beforeEach(async (context) => {
  needsRegistry(context);
  stage = await openStage();
  helpers = await helpersIn(stage.folder);
  vi.stubEnv('PATH', `${helpers.folder}:${process.env['PATH']}`);
  const { signal } = new AbortController();
  const scratch = openScratch(stage.folder, 'test');
  const use = () => {
    throw new Error('there are no other instances');
  };
  tools = createTools({ config: {}, name: 'shop', stepKey: 'test', signal, scratch, use }, stage.ports, stage.voice);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stage?.[Symbol.asyncDispose]();
});

interface DockerFile {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

async function open(file: DockerFile) {
  const dockerConfig = join(stage.folder, 'config.json');
  await writeFile(dockerConfig, JSON.stringify(file));
  return openRegistries(tools, { registries: {}, dockerConfig, helperMs: LIMIT_MS });
}

const ask = async (file: DockerFile, host = registry.host) =>
  (await open(file)).digest(parseReference(`${host}/app:1`), '1', null);

const authOf = (username: string, password: string) => Buffer.from(`${username}:${password}`).toString('base64');

describe('a helper that keeps credentials', () => {
  test.each([
    ['for this registry', () => ({ credHelpers: { [registry.host]: 'kept' } })],
    ['for all registries', () => ({ credsStore: 'kept' })],
  ])('%s opens the registry, is asked as Docker asks it, and its secret is in no log', async (_, file) => {
    await helpers.keep('kept', { [registry.host]: KEPT });

    const answer = await ask(file());

    expect(answer).toEqual({ ok: true, value: digest });
    expect(await helpers.asked()).toEqual([`kept get ${registry.host}`]);
    expect(JSON.stringify(stage.lines)).not.toContain(KEPT.Secret);
    // From now on it is hidden wherever somebody else tells it.
    expect(stage.ports.masker.text(`it is ${KEPT.Secret}`)).toBe('it is ***');
  });

  test('for one registry goes before the one for all, and that before what the file itself holds', async () => {
    await helpers.keep('mine', { [registry.host]: KEPT });
    await helpers.keep('other', { [registry.host]: { Username: 'other', Secret: 'wrong-one' } });
    const auths = { [registry.host]: { auth: authOf(KEPT.Username, KEPT.Secret) } };

    const mine = await ask({ credHelpers: { [registry.host]: 'mine' }, credsStore: 'other', auths });
    const other = await ask({ credsStore: 'other', auths });
    const none = await ask({ credHelpers: { [registry.host]: '' }, credsStore: 'other', auths });

    expect([mine.ok, other.ok, none.ok]).toEqual([true, false, true]);
    expect(await helpers.asked()).toEqual([`mine get ${registry.host}`, `other get ${registry.host}`]);
  });

  test('knows Docker’s own registry by its address', async () => {
    await helpers.keep('kept', { 'https://index.docker.io/v1/': KEPT });
    const shown: (string | null)[] = [];
    tools.fetch = async (_url, init) => {
      const shows = new Headers(init?.headers).get('authorization');
      shown.push(shows);
      const headers = shows === null ? { 'www-authenticate': 'Basic' } : { 'docker-content-digest': digest };
      return new Response('', { status: shows === null ? 401 : 200, headers });
    };

    const answer = await (await open({ credsStore: 'kept' })).digest(parseReference('nginx:1'), '1', null);

    expect(answer).toEqual({ ok: true, value: digest });
    expect(shown).toEqual([null, `Basic ${authOf(KEPT.Username, KEPT.Secret)}`]);
  });

  test('that has nothing for the registry means that we ask as anybody', async () => {
    await helpers.keep('kept', {});

    const answer = await ask({ credsStore: 'kept' });

    expect(answer).toMatchObject({ ok: false, reason: 'unauthorized', detail: expect.stringContaining('asks for') });
  });

  test('is not asked for a registry that everybody may enter', async () => {
    await helpers.write('broken', 'exit 1');
    await using server = await startServer(() => ({ status: 200, headers: { 'docker-content-digest': digest } }));

    const answer = await ask({ credsStore: 'broken' }, new URL(server.url).host);

    expect(answer).toEqual({ ok: true, value: digest });
    expect(await helpers.asked()).toEqual([]);
  });

  test('may keep a token of identity, which is exchanged for one of the registry and shown to nobody else', async () => {
    const Secret = 'token-of-identity';
    let url = '';
    await using server = await startServer(({ method, path, headers, body }) => {
      const form = new URLSearchParams(body);
      if (path === '/token' && method === 'POST' && form.get('refresh_token') === Secret) {
        return { status: 200, body: JSON.stringify({ access_token: `pass for ${form.get('scope')}` }) };
      }
      if (headers.authorization === 'Bearer pass for repository:app:pull') {
        return { status: 200, headers: { 'docker-content-digest': digest } };
      }
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${url}/token",service="here"` } };
    });
    ({ url } = server);
    const { host } = new URL(url);
    await helpers.keep('kept', { [host]: { Username: '<token>', Secret } });

    const byHelper = await ask({ credsStore: 'kept' }, host);
    const byFile = await ask({ auths: { [host]: { identitytoken: Secret } } }, host);

    expect([byHelper, byFile]).toEqual([
      { ok: true, value: digest },
      { ok: true, value: digest },
    ]);
    const exchanged = server.asked.find(({ path }) => path === '/token')?.body ?? '';
    expect(Object.fromEntries(new URLSearchParams(exchanged))).toEqual({
      grant_type: 'refresh_token',
      client_id: 'homelab-autopilot',
      refresh_token: Secret,
      service: 'here',
      scope: 'repository:app:pull',
    });
    const elsewhere = server.asked.filter(({ path }) => path !== '/token');
    expect(JSON.stringify(elsewhere.map(({ path, headers, body }) => [path, headers, body]))).not.toContain(Secret);
    expect(JSON.stringify(stage.lines)).not.toContain(Secret);
  });
});

describe('a helper that cannot be asked leaves the version unknown, and says why:', () => {
  test.each([
    ['it is not installed', null, 'absent', /docker-credential-absent is not installed, or not in PATH/],
    ['it hangs', 'sleep 1000', 'hangs', /docker-credential-hangs did not end within 2s/],
    [
      'it refuses',
      'echo "the vault is locked"; exit 1',
      'locked',
      /docker-credential-locked refused: the vault is locked/,
    ],
    ['it crashes', 'kill -SEGV $$', 'crash', /docker-credential-crash was killed by SIGSEGV/],
    [
      'it ends in a way of its own',
      'echo hush-hush >&2; exit 3',
      'odd',
      /docker-credential-odd failed with exit status 3;/,
    ],
    ['it answers nonsense', 'echo hush-hush', 'mad', /docker-credential-mad answered with something else/],
    [
      'it answers half',
      `echo '{"Username":"hush-hush"'`,
      'half',
      /docker-credential-half answered with something else/,
    ],
    ['it refuses with an answer', `echo '{"Secret":"hush-hush"}'; exit 1`, 'both', /docker-credential-both refused;/],
    [
      'its name is a path',
      'echo',
      '../../bin/sh',
      /names the helper "\.\.\/\.\.\/bin\/sh", which is not the name of a program/,
    ],
  ])('%s', async (_, script, helper, why) => {
    if (script !== null && !helper.includes('/')) await helpers.write(helper, script);
    const registries = await open({ credHelpers: { [registry.host]: helper } });
    const image = { name: 'web', reference: `${registry.host}/app:1`, digest, imageId: null, platform: null };
    const settings = { policy: 'minor', minAgeMs: 0, tags: null, registries: {}, decisions: [] } as const;

    const verdicts = await checkImages({ registries, now: new Date() }, [image], { ...settings, decisions: [] });

    expect(verdicts).toMatchObject([{ kind: 'unknown', reason: 'unauthorized', why: expect.stringMatching(why) }]);
    expect(verdicts[0]?.why).toMatch(/updates\.registries/);
    expect(JSON.stringify([verdicts, stage.lines])).not.toContain('hush-hush');
  });
});
