/** The http probe, asked of real servers, with and without encryption. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Certificates, makeCertificates, makeSelfSigned } from '#test/support/certificates.ts';
import { startServer } from '#test/support/http.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { ask, reference } from '#test/support/probes.ts';
import { freePort } from '#test/support/redis.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

async function serveTls(
  { key, certificate }: Certificates,
  answer: RequestListener = (_, response) => response.end('fine'),
): Promise<AsyncDisposable & { port: number }> {
  const pair = { key: await readFile(key), cert: await readFile(certificate) };
  const server: Server = createTlsServer(pair, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('an http probe', () => {
  test('is good when all its conditions hold, and tells each that does not', async () => {
    await using site = await startServer(() => ({ status: 201, body: '{"status":"up","queue":[1,2,3]}' }));
    const conditions = ['[STATUS] == any(200, 201)', '[BODY].status == up', 'len([BODY].queue) < 5'];

    const good = await ask({ type: 'http', url: site.url, conditions });
    const bad = await ask({ type: 'http', url: site.url, conditions: ['[STATUS] == 200', '[BODY].status == down'] });

    expect(good).toMatchObject({ ok: true, detail: 'answered 201' });
    expect(bad).toMatchObject({
      ok: false,
      detail:
        '[STATUS] == 200 does not hold: [STATUS] is 201; [BODY].status == down does not hold: [BODY].status is "up"',
    });
  });

  test('needs status 200 beside its conditions, unless one of them speaks of the status', async () => {
    await using site = await startServer(() => ({ status: 500, body: 'x' }));

    expect(await ask({ type: 'http', url: site.url, conditions: ['[BODY] == x'] })).toMatchObject({
      ok: false,
      detail: 'answered 500, needs 200',
    });
    expect(await ask({ type: 'http', url: site.url, conditions: ['[STATUS] < 600'] })).toMatchObject({ ok: true });
  });

  test('sends the method, the headers, the secrets and the body that it is told', async () => {
    await using site = await startServer(() => ({ status: 200 }));
    const headers = { 'X-Plain': 'a', 'X-Api-Key': { value: reference('key') } };

    await ask(
      { type: 'http', url: `${site.url}/q?key=k`, method: 'POST', headers, token: reference('token'), body: '{}' },
      { secrets: { key: 'hunter2', token: 't0k' } },
    );
    await ask(
      { type: 'http', url: site.url, username: 'me', password: reference('password') },
      { secrets: { password: 'hunter2' } },
    );

    const [first, second] = site.asked;
    expect(first).toMatchObject({ method: 'POST', path: '/q?key=k', body: '{}' });
    expect(first?.headers).toMatchObject({ 'x-plain': 'a', 'x-api-key': 'hunter2', authorization: 'Bearer t0k' });
    expect(second?.headers.authorization).toBe(`Basic ${Buffer.from('me:hunter2').toString('base64')}`);
  });

  test('shows no query, because a key may be in it', async () => {
    await using site = await startServer(() => ({ status: 200 }));

    expect((await ask({ type: 'http', url: `${site.url}/q?key=hunter2` })).probe).toBe(`GET ${site.url}/q?…`);
  });

  test('tells headers to nobody that it is redirected to', async () => {
    await using other = await startServer(() => ({ status: 200 }));
    await using site = await startServer(() => ({ status: 302, headers: { location: `${other.url}/in` } }));

    const seen = await ask(
      { type: 'http', url: site.url, method: 'POST', body: 'x', headers: { 'X-A': 'a' }, token: reference('t') },
      { secrets: { t: 'hunter2' } },
    );

    expect(seen.ok).toBe(true);
    expect(other.asked[0]).toMatchObject({ method: 'GET', path: '/in', body: '' });
    expect(Object.keys(other.asked[0]?.headers ?? {})).not.toEqual(expect.arrayContaining(['authorization', 'x-a']));
  });

  test('does not follow redirections when it is told so, and none that never end', async () => {
    await using site = await startServer(() => ({ status: 302, headers: { location: '/' } }));

    const stays = await ask({ type: 'http', url: site.url, follow_redirects: false, conditions: ['[STATUS] == 302'] });
    const loops = await ask({ type: 'http', url: site.url });

    expect(stays).toMatchObject({ ok: true, detail: 'answered 302' });
    expect(loops).toMatchObject({ ok: false, detail: 'redirected more than 10 times' });
  });

  test('reads no more of an answer than a bound, however long it is', async () => {
    await using site = await startServer(() => ({ status: 200, body: `${'x'.repeat(3 * 1024 * 1024)}end` }));

    const size = await ask({ type: 'http', url: site.url, conditions: [`len([BODY]) == ${1024 * 1024}`] });

    expect(size).toMatchObject({ ok: true });
    expect(await ask({ type: 'http', url: site.url, body_contains: 'end' })).toMatchObject({ ok: false });
  });

  test('can be good because nothing answers', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;

    const away = await ask({ type: 'http', url, conditions: ['[CONNECTED] == false'] });
    await using site = await startServer(() => ({ status: 200 }));
    const there = await ask({ type: 'http', url: site.url, conditions: ['[CONNECTED] == false'] });

    expect(away).toMatchObject({ ok: true, detail: 'as it should be: connection refused' });
    expect(there).toMatchObject({ ok: false, detail: '[CONNECTED] == false does not hold: [CONNECTED] is true' });
  });

  test('knows how long the answer took and where it came from', async () => {
    await using site = await startServer(() => ({ status: 200 }));
    const conditions = ['[RESPONSE_TIME] < 5s', '[IP] == 127.0.0.1'];

    expect(await ask({ type: 'http', url: site.url, conditions })).toMatchObject({ ok: true });
  });

  test('says that a name does not exist', async () => {
    const { detail } = await ask({ type: 'http', url: 'http://no-such-host.invalid/' });

    expect(detail).toMatch(/there is no machine of this name|the name cannot be resolved now/);
  });
});

describe('an http probe over TLS', () => {
  let dir: TempDir;
  let good: Certificates;

  beforeAll(async () => {
    dir = await tempDir();
    if (hasTool('openssl')) good = await makeCertificates(dir.path);
    return async () => dir[Symbol.asyncDispose]();
  });

  beforeEach((context) => needs(context, 'openssl'));

  test('trusts an authority that it is told of, and knows when the certificate ends', async () => {
    await using site = await serveTls(good);
    const url = `https://localhost:${site.port}/`;

    const fine = await ask({ type: 'http', url, ca: good.ca, conditions: ['[CERTIFICATE_EXPIRATION] > 24h'] });
    const soon = await ask({ type: 'http', url, ca: good.ca, conditions: ['[CERTIFICATE_EXPIRATION] > 10d'] });

    expect(fine).toMatchObject({ ok: true, detail: 'answered 200' });
    expect(soon.detail).toMatch(/^\[CERTIFICATE_EXPIRATION\] > 10d does not hold: \[CERTIFICATE_EXPIRATION\] is 1d23h/);
  });

  test('says which authority it does not know', async () => {
    await using site = await serveTls(good);

    const { ok, detail } = await ask({ type: 'http', url: `https://localhost:${site.port}/` });

    expect({ ok, detail }).toEqual({
      ok: false,
      detail:
        'the certificate is not accepted: its signer test authority is not known here; ' +
        'either the server leaves out a certificate of its chain, or the authority has to be named as `ca`',
    });
  });

  test('says when a certificate expired', async () => {
    await using place = await tempDir();
    const old = await makeCertificates(place.path, { from: '20200101000000Z', to: '20200201000000Z' });
    await using site = await serveTls(old);

    const { detail } = await ask({ type: 'http', url: `https://localhost:${site.port}/`, ca: old.ca });

    expect(detail).toBe('the certificate is not accepted: it has expired, on Feb  1 00:00:00 2020 GMT');
  });

  test('says from when on a certificate is valid', async () => {
    await using place = await tempDir();
    const early = await makeCertificates(place.path, { from: '20900101000000Z', to: '20910101000000Z' });
    await using site = await serveTls(early);

    const { detail } = await ask({ type: 'http', url: `https://localhost:${site.port}/`, ca: early.ca });

    expect(detail).toContain('it is valid from Jan  1 00:00:00 2090 GMT on');
  });

  test('says for whom a certificate is', async () => {
    await using place = await tempDir();
    const other = await makeCertificates(place.path, { names: 'DNS:docs.example.org,DNS:www.example.org' });
    await using site = await serveTls(other);

    const { detail } = await ask({ type: 'http', url: `https://localhost:${site.port}/`, ca: other.ca });

    expect(detail).toBe(
      'the certificate is not accepted: it is not for localhost, but for docs.example.org, www.example.org',
    );
  });

  test('says that a certificate is signed by itself, and trusts it when it is named', async () => {
    await using place = await tempDir();
    const lonely = await makeSelfSigned(place.path);
    await using site = await serveTls(lonely);
    const url = `https://127.0.0.1:${site.port}/`;

    const { detail } = await ask({ type: 'http', url });

    expect(detail).toBe('the certificate is not accepted: it is signed by itself; name it as `ca` to trust it');
    expect(await ask({ type: 'http', url, ca: lonely.certificate })).toMatchObject({ ok: true });
  });

  test('takes any certificate when it is told so, and says that each time', async () => {
    await using site = await serveTls(good);

    const seen = await ask({ type: 'http', url: `https://127.0.0.1:${site.port}/`, insecure: true });

    expect(seen).toMatchObject({ ok: true, detail: 'answered 200 (its certificate was not checked)' });
  });

  test('sends nothing to a server that it does not trust', async () => {
    let asked = 0;
    await using site = await serveTls(good, (_, response) => {
      asked += 1;
      response.end();
    });

    await ask({ type: 'http', url: `https://localhost:${site.port}/`, token: reference('t') }, { secrets: { t: 'x' } });

    expect(asked).toBe(0);
  });

  test('says that the server does not speak TLS', async () => {
    await using site = await startServer(() => ({ status: 200 }));

    const { detail } = await ask({ type: 'http', url: site.url.replace('http:', 'https:') });

    expect(detail).toBe('no encryption: the server does not speak TLS on this port; is it http:// that is meant?');
  });
});
