/** `notify`: channels that are tried, and what became of messages. */
import { expect, test } from 'vitest';
import type { OutboxEntry } from '#store/outbox.ts';
import { stage } from '#test/cli/stage.ts';
import { MESSAGE } from '#test/plugins/notifications/channel.ts';

const CHANNELS = {
  notifications: { cooldownMs: 0, channels: [{ name: 'mail', type: 'email', config: {} }], routes: [], report: null },
};

const entry = (more: Partial<OutboxEntry>): OutboxEntry => ({
  seq: 1,
  channel: 'mail',
  status: 'sent',
  message: MESSAGE,
  createdAt: '2026-03-01T02:00:00.000Z',
  dueAt: '2026-03-01T02:00:00.000Z',
  attempts: 1,
  endedAt: null,
  detail: null,
  ...more,
});

function logRoom(entries: OutboxEntry[], lockedAt: string | null = null) {
  const troubled =
    lockedAt === null ? [] : [{ name: 'chat', failures: 1, nextTryAt: null, lockedAt, reason: 'Unknown Webhook' }];
  return {
    openOutboxLog: async () => ({ entries: () => entries, troubled: () => troubled, [Symbol.dispose]: () => {} }),
  };
}

test('a channel that takes no message exits with 1, and each is told with its reason', async () => {
  const testChannels = async () => [
    { channel: 'mail', type: 'email', delivered: true, detail: 'accepted for me@lan' },
    { channel: 'chat', type: 'slack', delivered: false, detail: 'answered 404: no_service' },
  ];

  const { status, stdout } = await stage({ rooms: { testChannels }, config: CHANNELS }).run('notify', 'test');

  expect(status).toBe(1);
  expect(stdout.split('\n')).toEqual([
    '✔ mail  accepted for me@lan',
    '✘ chat  not delivered: answered 404: no_service',
    '',
  ]);
});

test('without any channel there is nothing to try, and where to name one is said', async () => {
  const { status, stderr } = await stage().run('notify', 'test');

  expect(status).toBe(2);
  expect(stderr).toContain('notifications.channels');
});

test('the log tells what was sent, what waits and why, and what to do about a channel that is gone', async () => {
  const rooms = logRoom(
    [
      entry({ status: 'waiting', channel: 'chat', detail: 'Unknown Webhook' }),
      entry({ status: 'quiet', dueAt: '2026-03-01T07:00:00.000Z' }),
      entry({ status: 'held' }),
      entry({ detail: 'accepted for me@lan' }),
    ],
    '2026-03-01T02:30:00.000Z',
  );

  const { status, stdout } = await stage({ rooms }).run('notify');

  expect(status).toBe(0);
  expect(stdout).toMatch(/chat +waits +backup notes failed +Unknown Webhook/);
  expect(stdout).toMatch(/quiet hours +backup notes failed +until 07:00/);
  expect(stdout).toMatch(/held back/);
  expect(stdout).toMatch(/sent +backup notes failed +accepted for me@lan/);
  expect(stdout).toMatch(/channel chat: nothing is sent there since 02:30: Unknown Webhook\n +Next: /);
});

test('as JSON every message is whole', async () => {
  const { stdout } = await stage({ rooms: logRoom([entry({})]) }).run('notify', 'log', '--json');

  expect(JSON.parse(stdout)).toMatchObject({
    notifications: [{ id: MESSAGE.id, text: MESSAGE.text, channel: 'mail', status: 'sent', attempts: 1 }],
    troubledChannels: [],
  });
});

test('a machine that has no history yet has nothing to list', async () => {
  const { status, stdout } = await stage().run('notify', 'log');

  expect({ status, stdout }).toEqual({ status: 0, stdout: 'No notifications yet.\n' });
});
