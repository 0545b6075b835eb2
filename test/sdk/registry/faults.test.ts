/** Registries that answer as some do in the world: tokens, pages, limits, and answers that must not be believed. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseReference } from '#sdk/registry/reference.ts';
import { openRegistries } from '#sdk/registry/registries.ts';
import type { RegistriesSettings } from '#sdk/registry/settings.ts';
import { type Asked, type Reply, startServer, type TestServer } from '#test/support/http.ts';
import { registryTools, secretAt } from '#test/support/registry-tools.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OK: Reply = { status: 200, headers: { 'docker-content-digest': DIGEST } };

/** Answers the first question of all, and hands on the others. */
function registryThat(answer: (asked: Asked) => Reply): Promise<TestServer> {
  return startServer((asked) => (asked.path === '/v2/' ? { status: 200 } : answer(asked)));
}

function open(server: TestServer, registries: RegistriesSettings = {}, secrets: Record<string, string> = {}) {
  const tools = registryTools({ secrets });
  const host = new URL(server.url).host;
  const client = openRegistries(tools, { registries, dockerConfig: '/nonexistent' });
  return { tools, client, host, image: (name: string) => parseReference(`${host}/${name}`) };
}

describe('a registry that gives tokens', () => {
  const tokens = (asked: Asked, url: string): Reply => {
    if (asked.path.startsWith('/token')) {
      const scope = new URL(asked.path, url).searchParams.get('scope') ?? '';
      return { status: 200, body: JSON.stringify({ token: `pass-for-${scope}` }) };
    }
    const [, repository] = /^\/v2\/(.*)\/manifests/.exec(asked.path) ?? [];
    if (asked.headers.authorization === `Bearer pass-for-repository:${repository}:pull`) return OK;
    const authenticate = `Bearer realm="${url}/token",service="test,registry",scope="x"`;
    return { status: 401, headers: { 'www-authenticate': authenticate } };
  };

  test('is asked for one for each repository, once, as anybody', async () => {
    let url = '';
    await using server = await startServer((asked) => tokens(asked, url));
    ({ url } = server);
    const { client, image } = open(server);

    const answers = await Promise.all(
      [
        ['a', '1'],
        ['a', '2'],
        ['b', '1'],
      ].map(([name = '', tag = '']) => client.digest(image(name), tag, null)),
    );

    for (const answer of answers) expect(answer).toEqual({ ok: true, value: DIGEST });
    const asked = server.asked.filter(({ path }) => path.startsWith('/token'));
    const scopes = asked.map(({ path }) => new URL(path, url).searchParams.get('scope'));
    expect(new Set(scopes)).toEqual(new Set(['repository:a:pull', 'repository:b:pull']));
    expect(scopes).toHaveLength(2);
    expect(new URL(asked[0]?.path ?? '', url).searchParams.get('service')).toBe('test,registry');
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  test('gets the password at the place that gives the tokens, and nowhere else', async () => {
    let url = '';
    await using server = await startServer((asked) => tokens(asked, url));
    ({ url } = server);
    const host = new URL(url).host;
    const { client, image } = open(server, { [host]: { username: 'me', password: secretAt('p') } }, { p: 'word' });

    const answer = await client.digest(image('a'), '1', null);

    expect(answer.ok).toBe(true);
    const basic = `Basic ${Buffer.from('me:word').toString('base64')}`;
    const shown = server.asked.filter(({ headers }) => headers.authorization === basic);
    expect(shown.map(({ path }) => path.split('?')[0])).toEqual(['/token']);
  });

  test.each([
    ['401', { status: 401 }, 'unauthorized'],
    ['no token in it', { status: 200, body: '{}' }, 'bad_answer'],
    ['no JSON', { status: 200, body: '<html>' }, 'bad_answer'],
    ['a server that is broken', { status: 503 }, 'unreachable'],
  ])('that gives none (%s) is not known', async (_what, reply, reason) => {
    let url = '';
    await using server = await startServer((asked) => (asked.path.startsWith('/token') ? reply : tokens(asked, url)));
    ({ url } = server);
    const { client, image } = open(server);

    expect(await client.digest(image('a'), '1', null)).toMatchObject({ ok: false, reason });
  });
});

describe('a registry that limits how often it is asked', () => {
  test('is left alone after a 429 for as long as it says, by all that is still to be asked', async () => {
    await using server = await registryThat(() => ({ status: 429, headers: { 'retry-after': '3600' } }));
    const { client, image } = open(server);

    const first = await client.digest(image('a'), '1', null);
    const second = await client.digest(image('b'), '1', null);

    for (const answer of [first, second]) {
      expect(answer).toMatchObject({
        ok: false,
        reason: 'rate_limited',
        detail: expect.stringMatching(/3600 s|3599 s/),
      });
    }
    expect(server.asked.map(({ path }) => path)).toEqual(['/v2/', '/v2/a/manifests/1']);
    expect(client.limits()).toMatchObject([{ waitUntil: expect.stringMatching(/^\d{4}-/) }]);
  });

  test('is asked again after a pause that is short', async () => {
    let refused = false;
    await using server = await registryThat(() => {
      if (refused) return OK;
      refused = true;
      return { status: 429, headers: { 'retry-after': '1' } };
    });
    const { client, image } = open(server);
    const before = Date.now();

    const answer = await client.digest(image('a'), '1', null);

    expect(answer).toEqual({ ok: true, value: DIGEST });
    expect(Date.now() - before).toBeGreaterThanOrEqual(900);
  });

  test('has its limits told', async () => {
    await using server = await registryThat(() => ({
      ...OK,
      headers: { ...OK.headers, 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' },
    }));
    const { client, image, host } = open(server);

    await client.digest(image('a'), '1', null);

    expect(client.limits()).toEqual([
      { registry: host, limit: 100, remaining: 76, windowSeconds: 21_600, waitUntil: null },
    ]);
  });
});

describe('a list of tags in pages', () => {
  test('is followed to its end', async () => {
    const pages: Record<string, Reply> = {
      '/v2/a/tags/list?n=1000': tagPage(['1', '2'], '</v2/a/tags/list?n=1000&last=2>; rel="next"'),
      '/v2/a/tags/list?n=1000&last=2': tagPage(['3', '-bad', 'no/tag', ''], '</v2/a/tags/list?last=3>; rel=next'),
      '/v2/a/tags/list?last=3': tagPage(['4']),
    };
    await using server = await registryThat(({ path }) => pages[path] ?? { status: 404 });
    const { client, image } = open(server);

    expect(await client.tags(image('a'))).toEqual({ ok: true, value: ['1', '2', '3', '4'] });
  });

  test.each([
    ['goes on at another path', '</v2/other/tags/list>; rel="next"'],
    ['goes on at no address', '<http://[>; rel="next"'],
    ['goes round in circles', '</v2/a/tags/list?n=1000>; rel="next"'],
  ])('that %s is not believed', async (_what, link) => {
    await using server = await registryThat(() => tagPage(['1'], link));
    const { client, image } = open(server);

    expect(await client.tags(image('a'))).toMatchObject({ ok: false, reason: 'bad_answer' });
  });

  test('never makes us ask another host', async () => {
    await using other = await registryThat(() => tagPage(['9']));
    await using server = await registryThat(({ path }) =>
      path.includes('last') ? tagPage(['2']) : tagPage(['1'], `<${other.url}/v2/a/tags/list?last=1>; rel="next"`),
    );
    const { client, image } = open(server);

    expect(await client.tags(image('a'))).toEqual({ ok: true, value: ['1', '2'] });
    expect(other.asked).toEqual([]);
  });
});

describe('an answer that is none', () => {
  test.each<[string, (asked: Asked) => Reply, string]>([
    ['HTML of a hotel’s network', () => ({ status: 200, body: '<html>welcome</html>' }), 'bad_answer'],
    [
      'a digest that is none',
      () => ({ status: 200, headers: { 'docker-content-digest': 'sha256:x' }, body: '{}' }),
      'bad_answer',
    ],
    ['a server that is broken', () => ({ status: 502 }), 'unreachable'],
    ['a status that nobody expects', () => ({ status: 418 }), 'bad_answer'],
    ['more than anybody would send', () => ({ status: 200, body: 'x'.repeat(9_000_000) }), 'bad_answer'],
    ['a lock', () => ({ status: 403 }), 'unauthorized'],
  ])('is not known, and never nothing new: %s', async (_what, answer, reason) => {
    await using server = await registryThat(answer);
    const { client, image } = open(server);

    expect(await client.digest(image('a'), '1', DIGEST)).toMatchObject({ ok: false, reason });
  });

  test('of a registry that knows no HEAD is asked for in full', async () => {
    const body = JSON.stringify({ schemaVersion: 2, config: { digest: DIGEST } });
    await using server = await registryThat(({ method }) =>
      method === 'HEAD' ? { status: 405 } : { status: 200, body },
    );
    const { client, image } = open(server);

    const answer = await client.digest(image('a'), '1', null);

    expect(answer).toMatchObject({ ok: true, value: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(server.asked.map(({ method }) => method)).toEqual(['GET', 'HEAD', 'GET']);
  });

  test('is a configuration that is not the one that was named', async () => {
    const body = JSON.stringify({ schemaVersion: 2, config: { digest: DIGEST } });
    await using server = await registryThat(({ path }) => ({
      status: 200,
      body: path.includes('blobs') ? '{}' : body,
    }));
    const { client, image } = open(server);

    const facts = await client.facts(image('a'), '1', 'linux/amd64');

    expect(facts).toMatchObject({ ok: false, reason: 'bad_answer', detail: expect.stringContaining('damaged') });
  });

  test('is a token from a place without encryption, where the registry itself has it', async () => {
    const tools = registryTools({
      fetch: async (url) => {
        const headers = { 'www-authenticate': 'Bearer realm="http://tokens.example/t"' };
        return url.pathname === '/v2/' ? new Response('', { status: 401, headers }) : new Response('{}');
      },
    });
    const registries = openRegistries(tools, { registries: {}, dockerConfig: '/nonexistent' });

    const answer = await registries.digest(parseReference('registry.example/a'), '1', null);

    expect(answer).toMatchObject({ ok: false, reason: 'bad_answer', detail: expect.stringContaining('encryption') });
  });
});

describe('a redirect', () => {
  test('to where a registry keeps what it has is followed, and the password is not taken along', async () => {
    const body = JSON.stringify({ created: '2026-01-01T00:00:00Z' });
    const imageId = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    const manifest = JSON.stringify({ schemaVersion: 2, config: { digest: imageId } });
    await using store = await startServer(() => ({ status: 200, body }));
    await using server = await startServer(({ path, headers }) => {
      if (headers.authorization === undefined)
        return { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
      if (path.includes('/blobs/')) return { status: 307, headers: { location: `${store.url}/layer` } };
      return { status: 200, body: manifest };
    });
    const host = new URL(server.url).host;
    const { client, image } = open(server, { [host]: { username: 'me', password: secretAt('p') } }, { p: 'word' });

    const facts = await client.facts(image('a'), '1', 'linux/amd64');

    expect(facts).toMatchObject({ ok: true, value: { imageId, createdAt: '2026-01-01T00:00:00.000Z' } });
    expect(store.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });
});

describe('plain http', () => {
  test('is spoken to no registry but those of this machine, unless it is named insecure', async () => {
    const asked: string[] = [];
    const tools = registryTools({
      fetch: async (url) => {
        asked.push(url.origin);
        return new Response('', { status: 404 });
      },
    });
    const registries = { 'plain.lan:5000': { insecure: true }, '127.0.0.1:7000': { insecure: false } };
    const client = openRegistries(tools, { registries, dockerConfig: '/nonexistent' });

    for (const name of ['registry.lan/a', 'plain.lan:5000/a', 'localhost:5000/a', '127.0.0.1:7000/a', 'nginx']) {
      await client.digest(parseReference(name), '1', null);
    }

    expect(asked).toEqual([
      'https://registry.lan',
      'http://plain.lan:5000',
      'http://localhost:5000',
      'https://127.0.0.1:7000',
      'https://registry-1.docker.io',
    ]);
  });
});

function tagPage(tags: string[], link?: string): Reply {
  return { status: 200, body: JSON.stringify({ name: 'a', tags }), headers: link === undefined ? {} : { link } };
}
