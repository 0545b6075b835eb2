/** Discord: within the limits of embeds, without mentions, and each of its answers taken for what it means. */
import { expect, test } from 'vitest';
import { plugin } from '#plugins/notifications/discord.ts';
import { known, openChannel } from '#test/plugins/notifications/channel.ts';
import { startDiscord } from '#test/support/discord.ts';
import { startServer } from '#test/support/http.ts';

const WEBHOOK = 'https://discord.com/api/webhooks/1/t';

test('a message is posted, waited for, and rings for nobody', async () => {
  await using discord = await startDiscord();
  await using channel = await openChannel(plugin, { webhook_url: known(discord.webhook), api_base: discord.url });

  const outcome = await channel.send({ text: '@everyone <@123> look' });

  expect(outcome).toEqual({ delivered: true, detail: 'posted' });
  const [asked] = discord.asked;
  expect(asked?.path).toContain('?wait=true');
  expect(JSON.parse(asked?.body ?? '')).toMatchObject({
    allowed_mentions: { parse: [] },
    embeds: [{ title: 'backup notes failed', footer: { text: 'backup_failed · notes · nas' } }],
  });
});

test.each([
  ['long', 'x'.repeat(50_000)],
  ['full of Markdown', '*_`|'.repeat(20_000)],
  ['full of characters of two units', '🦊'.repeat(20_000)],
  ['empty', ''],
])('a text that is %s is within the limits', async (_, text) => {
  await using discord = await startDiscord();
  await using channel = await openChannel(plugin, { webhook_url: known(discord.webhook), api_base: discord.url });

  const outcome = await channel.send({ text, title: `T${text}`, service: `s${text}` });

  expect(outcome).toMatchObject({ delivered: true });
});

test('a rate limit is told with its fraction of a second', async () => {
  await using discord = await startDiscord();
  await using channel = await openChannel(plugin, { webhook_url: known(discord.webhook), api_base: discord.url });
  discord.limit(64.57);

  const outcome = await channel.send();

  expect(outcome).toMatchObject({ delivered: false, refused: 'busy', retryAfterMs: 64_570 });
});

test('a webhook that was deleted closes the channel', async () => {
  await using discord = await startDiscord();
  await using channel = await openChannel(plugin, { webhook_url: known(discord.webhook), api_base: discord.url });
  await expect(channel.check()).resolves.toEqual({ detail: 'the webhook is there' });
  discord.remove();

  const outcome = await channel.send();

  expect(outcome).toMatchObject({ refused: 'channel', detail: 'answered 404: Unknown Webhook (code 10015)' });
  await expect(channel.check()).rejects.toThrow('Unknown Webhook');
});

test('a message that Discord does not take says which part of it is wrong', async () => {
  const errors = { embeds: { '0': { description: { _errors: [{ code: 'X', message: 'Must be 4096 or fewer' }] } } } };
  const body = JSON.stringify({ code: 50035, message: 'Invalid Form Body', errors });
  await using server = await startServer(() => ({ status: 400, body }));
  await using channel = await openChannel(plugin, { webhook_url: known(WEBHOOK), api_base: server.url });

  const outcome = await channel.send();

  expect(outcome).toEqual({
    delivered: false,
    refused: 'message',
    detail: 'answered 400: Invalid Form Body: embeds.0.description Must be 4096 or fewer (code 50035)',
  });
});

test.each([
  [401, 'channel'],
  [502, 'busy'],
])('an answer of %i without any JSON refuses the %s', async (status, refused) => {
  await using server = await startServer(() => ({ status, body: '<html>' }));
  await using channel = await openChannel(plugin, { webhook_url: known(WEBHOOK), api_base: server.url });

  expect(await channel.send()).toMatchObject({ delivered: false, refused });
});

test.each(['https://discord.com.evil.example/api/webhooks/1/t', 'https://discord.com/api/users/@me'])(
  'an address that is not a webhook of Discord is refused: %s',
  async (url) => {
    await using channel = await openChannel(plugin, { webhook_url: known(url) });

    await expect(channel.send()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
  },
);
