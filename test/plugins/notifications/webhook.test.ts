/** The generic webhook: its template, its signature, and where it may not go. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { plugin } from '#plugins/notifications/webhook.ts';
import { known, MESSAGE, openChannel } from '#test/plugins/notifications/channel.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { startServer } from '#test/support/http.ts';
import { needs } from '#test/support/needs.ts';
import { tempDir } from '#test/support/tmp.ts';

test('the whole message is posted as JSON, signed over exactly the bytes that are sent', async () => {
  await using server = await startServer(() => ({ status: 204 }));
  const config = {
    webhook_url: known(`${server.url}/hook`),
    signing_key: known('a long key'),
    token: known('a token'),
    headers: { 'x-kind': 'test' },
    allow_private: true,
  };
  await using channel = await openChannel(plugin, config);

  const outcome = await channel.send({ text: 'Grüße → "quoted"' });

  expect(outcome).toMatchObject({ delivered: true });
  const [asked] = server.asked;
  const signature = createHmac('sha256', 'a long key')
    .update(asked?.body ?? '')
    .digest('hex');
  expect(JSON.parse(asked?.body ?? '')).toEqual({ ...MESSAGE, text: 'Grüße → "quoted"' });
  expect(asked?.headers).toMatchObject({
    'x-hub-signature-256': `sha256=${signature}`,
    authorization: 'Bearer a token',
    'x-kind': 'test',
  });
});

test('a template keeps its form whatever the message says', async () => {
  await using server = await startServer(() => ({ status: 200 }));
  const body = {
    subject: '{{title}} on {{ host }}',
    tags: ['{{event}}', 1],
    nested: { text: '{{text}}', empty: '{{service}}' },
  };
  await using channel = await openChannel(plugin, { webhook_url: known(server.url), body, allow_private: true });

  await channel.send({ text: '"}, {"admin": true, {{id}} $& ', service: undefined });

  expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({
    subject: 'backup notes failed on nas',
    tags: ['backup_failed', 1],
    nested: { text: '"}, {"admin": true, {{id}} $& ', empty: '' },
  });
});

test('a placeholder that there is not is an error of the configuration', () => {
  const { error } = plugin.config.safeParse({ webhook_url: known('https://x.example'), body: { a: ['{{titel}}'] } });

  expect(error?.issues).toMatchObject([{ path: ['body'], message: expect.stringContaining('{{title}}') }]);
});

test.each([
  'http://127.0.0.1:1/',
  'https://127.0.0.1:1/',
  'https://[::1]:1/',
  'https://[::ffff:127.0.0.1]:1/',
  'https://localhost:1/',
  'https://169.254.169.254/latest/meta-data',
  'https://192.168.1.1/',
  'https://10.1.2.3/',
  'https://[fd00::1]/',
  'https://2130706433/',
  'http://192.0.2.1/',
  'ftp://192.0.2.1/',
  'https://user:pass@192.0.2.1/',
])('%s is refused without being asked, unless private addresses are allowed', async (url) => {
  await using channel = await openChannel(plugin, { webhook_url: known(url) });

  await expect(channel.send()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});

test('plain http to the world is refused also when private addresses are allowed', async () => {
  await using channel = await openChannel(plugin, { webhook_url: known('http://192.0.2.1/'), allow_private: true });

  await expect(channel.send()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});

test('a redirect is not followed, and closes the channel', async () => {
  await using inner = await startServer(() => ({ status: 200 }));
  await using server = await startServer(() => ({ status: 302, headers: { location: `${inner.url}/admin` } }));
  await using channel = await openChannel(plugin, { webhook_url: known(server.url), allow_private: true });

  const outcome = await channel.send();

  expect(outcome).toMatchObject({ delivered: false, refused: 'channel', detail: expect.stringContaining('/admin') });
  expect(inner.asked).toEqual([]);
});

test.each([
  [410, {}, { refused: 'channel' }],
  [413, {}, { refused: 'message' }],
  [503, { 'retry-after': '120' }, { refused: 'busy', retryAfterMs: 120_000 }],
])('an answer of %i with %o means %o', async (status, headers, expected) => {
  await using server = await startServer(() => ({ status, headers }));
  await using channel = await openChannel(plugin, { webhook_url: known(server.url), allow_private: true });

  expect(await channel.send()).toMatchObject({ delivered: false, ...expected });
});

test('nobody who answers is told with the host alone, for the rest of the address is a secret', async () => {
  await using channel = await openChannel(plugin, {
    webhook_url: known('http://127.0.0.1:9/s3cret'),
    allow_private: true,
  });

  const attempt = channel.send();

  await expect(attempt).rejects.toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
    message: expect.not.stringContaining('s3cret'),
  });
});

test('a server whose certificate is not trusted gets nothing, and that is the reason that is told', async (context) => {
  needs(context, 'openssl');
  await using dir = await tempDir();
  const { certificate, key } = await makeCertificates(dir.path);
  const asked: string[] = [];
  const server = createServer({ cert: await readFile(certificate), key: await readFile(key) }, ({ url = '' }) => {
    asked.push(url);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await using channel = await openChannel(plugin, {
    webhook_url: known(`https://127.0.0.1:${port}/s3cret`),
    allow_private: true,
  });

  const attempt = channel.send();

  await expect(attempt).rejects.toThrow(/^127\.0\.0\.1:\d+ cannot be reached: .*certificate/);
  expect(asked).toEqual([]);
  server.close();
  await once(server, 'close');
});
