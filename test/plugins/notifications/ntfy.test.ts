/** ntfy: what is published, within its limit, and what its answers mean. */
import { expect, test } from 'vitest';
import { plugin } from '#plugins/notifications/ntfy.ts';
import { known, openChannel } from '#test/plugins/notifications/channel.ts';
import { startServer } from '#test/support/http.ts';

const topic = known('homelab-alerts');

test('a message is published to its topic, urgent when something failed', async () => {
  await using server = await startServer(() => ({ status: 200, body: '{"id":"x"}' }));
  const config = { url: `${server.url}/ntfy`, topic, token: known('tk_abc'), allow_private: true };
  await using channel = await openChannel(plugin, config);

  const outcome = await channel.send();

  expect(outcome).toMatchObject({ delivered: true });
  const [asked] = server.asked;
  expect(asked).toMatchObject({ path: '/ntfy/', headers: { authorization: 'Bearer tk_abc' } });
  expect(JSON.parse(asked?.body ?? '')).toMatchObject({
    topic: 'homelab-alerts',
    title: 'backup notes failed',
    priority: 5,
    tags: ['x'],
  });
});

test('a long text stays a text: it is cut to 4096 bytes between characters', async () => {
  await using server = await startServer(() => ({ status: 200 }));
  await using channel = await openChannel(plugin, { url: server.url, topic, allow_private: true });

  await channel.send({ text: '→🦊'.repeat(5_000) });

  const { message } = JSON.parse(server.asked[0]?.body ?? '');
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4096);
  expect(message.isWellFormed()).toBe(true);
  expect(message).toMatch(/…$/);
});

test.each([
  [429, 'busy'],
  [403, 'channel'],
  [507, 'busy'],
])('an answer of %i refuses: %s', async (status, refused) => {
  await using server = await startServer(() => ({ status }));
  await using channel = await openChannel(plugin, { url: server.url, topic, allow_private: true });

  expect(await channel.send()).toMatchObject({ delivered: false, refused });
});

test('the check asks for the health of the server, and publishes nothing', async () => {
  await using server = await startServer(() => ({ status: 200, body: '{"healthy":true}' }));
  await using channel = await openChannel(plugin, { url: server.url, topic, allow_private: true });

  await channel.check();

  expect(server.asked).toMatchObject([{ method: 'GET', path: '/v1/health' }]);
});

test('a topic that would lead elsewhere is refused', async () => {
  await using channel = await openChannel(plugin, { topic: known('../admin') });

  await expect(channel.send()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});

test('a server at home needs the word that it is meant', async () => {
  await using channel = await openChannel(plugin, { url: 'http://127.0.0.1:9', topic });

  await expect(channel.send()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});
