/** Apprise API: what is sent, and what its documented answers mean. */
import { expect, test } from 'vitest';
import { plugin } from '#plugins/notifications/apprise.ts';
import { known, openChannel } from '#test/plugins/notifications/channel.ts';
import { startServer } from '#test/support/http.ts';

const key = known('homelab');

test('a message goes to the receivers of the key that have the tag', async () => {
  await using server = await startServer(() => ({ status: 200 }));
  await using channel = await openChannel(plugin, { url: server.url, key, tag: 'admins', allow_private: true });

  expect(await channel.send()).toMatchObject({ delivered: true });
  const [asked] = server.asked;
  expect(asked).toMatchObject({ method: 'POST', path: '/notify/homelab' });
  expect(JSON.parse(asked?.body ?? '')).toMatchObject({
    title: 'backup notes failed',
    type: 'failure',
    format: 'text',
    tag: 'admins',
  });
});

test.each([
  // Nothing is configured under the key, so nobody was told.
  [204, 'channel'],
  // One of the receivers failed.
  [424, 'busy'],
  [400, 'message'],
  [500, 'busy'],
])('an answer of %i refuses: %s', async (status, refused) => {
  await using server = await startServer(() => ({ status }));
  await using channel = await openChannel(plugin, { url: server.url, key, allow_private: true });

  expect(await channel.send()).toMatchObject({ delivered: false, refused });
});

test('the check asks for the state of the server, and sends nothing', async () => {
  let status = 200;
  await using server = await startServer(() => ({ status }));
  await using channel = await openChannel(plugin, { url: server.url, key, allow_private: true });

  await channel.check();
  status = 417;

  await expect(channel.check()).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  expect(server.asked).toMatchObject([{ method: 'GET', path: '/status' }, {}]);
});

test('a key that would lead elsewhere is refused', async () => {
  await using channel = await openChannel(plugin, { url: 'https://apprise.example.org', key: known('../add/x') });

  await expect(channel.send()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});
