/** Slack: within its limits, and each of its answers taken for what it means. */
import { expect, test } from 'vitest';
import { plugin } from '#plugins/notifications/slack.ts';
import { known, openChannel } from '#test/plugins/notifications/channel.ts';
import { startServer } from '#test/support/http.ts';
import { startSlack } from '#test/support/slack.ts';

test('a message is delivered with its title, its text and where it comes from', async () => {
  await using slack = await startSlack();
  await using channel = await openChannel(plugin, { webhook_url: known(slack.webhook), api_base: slack.url });

  const outcome = await channel.send();

  expect(outcome).toMatchObject({ delivered: true });
  const [asked] = slack.asked;
  expect(JSON.parse(asked?.body ?? '')).toMatchObject({
    text: 'backup notes failed',
    blocks: [
      { type: 'header', text: { text: 'backup notes failed' } },
      { type: 'section', text: { text: expect.stringContaining('the disk is full') } },
      { type: 'context', elements: [{ text: ':x: backup_failed · notes · nas' }] },
    ],
  });
});

test('text that would be a command of Slack is shown as it is', async () => {
  await using slack = await startSlack();
  await using channel = await openChannel(plugin, { webhook_url: known(slack.webhook), api_base: slack.url });

  await channel.send({ text: 'a & b <!channel> <@U123> <http://evil.example|click>' });

  const section = JSON.parse(slack.asked[0]?.body ?? '').blocks[1].text;
  expect(section.text).toBe('a &amp; b &lt;!channel&gt; &lt;@U123&gt; &lt;http://evil.example|click&gt;');
  expect(section.verbatim).toBe(true);
});

test.each([
  ['long', 'x'.repeat(50_000)],
  ['full of what must be escaped', '<&>'.repeat(20_000)],
  ['full of characters of two units', '🦊'.repeat(20_000)],
  ['empty', ''],
])('a text that is %s is within the limits', async (_, text) => {
  await using slack = await startSlack();
  await using channel = await openChannel(plugin, { webhook_url: known(slack.webhook), api_base: slack.url });

  const outcome = await channel.send({ text, title: `T${text}` });

  expect(outcome).toMatchObject({ delivered: true });
});

test('too many messages are told to wait as long as Slack says', async () => {
  await using slack = await startSlack({ burst: 1 });
  await using channel = await openChannel(plugin, { webhook_url: known(slack.webhook), api_base: slack.url });

  await channel.send();
  const outcome = await channel.send();

  expect(outcome).toMatchObject({ delivered: false, refused: 'busy', retryAfterMs: 30_000 });
});

test.each([
  [404, 'channel_not_found', 'channel'],
  [410, 'channel_is_archived', 'channel'],
  [403, 'invalid_token', 'channel'],
  [400, 'invalid_blocks', 'message'],
  [500, 'rollup_error', 'busy'],
  [200, '<html>please log in to the hotel network</html>', 'busy'],
])('an answer of %i %s refuses: %s → %s', async (status, body, refused) => {
  await using server = await startServer(() => ({ status, body }));
  const config = { webhook_url: known('https://hooks.slack.com/services/T/B/X'), api_base: server.url };
  await using channel = await openChannel(plugin, config);

  const outcome = await channel.send();

  expect(outcome).toMatchObject({ delivered: false, refused });
});

test.each([
  'http://hooks.slack.com/services/T/B/X',
  'https://hooks.slack.com.evil.example/services/T/B/X',
  'https://user:pass@evil.example/services/T/B/X',
  'https://hooks.slack.com:8443/services/T/B/X',
  'https://hooks.slack.com/other',
  'nonsense',
])('a webhook that is not one of Slack is refused without being asked: %s', async (url) => {
  await using channel = await openChannel(plugin, { webhook_url: known(url) });

  const attempt = channel.send();

  await expect(attempt).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID', message: expect.not.stringContaining(url) });
});

test('a relay must be on this machine', async () => {
  const config = { webhook_url: known('https://hooks.slack.com/services/T/B/X'), api_base: 'http://192.168.0.1:80' };
  await using channel = await openChannel(plugin, config);

  await expect(channel.check()).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});

test('a webhook of the right form passes the check without a message', async () => {
  await using channel = await openChannel(plugin, { webhook_url: known('https://hooks.slack.com/services/T/B/X') });

  await expect(channel.check()).resolves.toMatchObject({ detail: expect.stringContaining('right form') });
});
