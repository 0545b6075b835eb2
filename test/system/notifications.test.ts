/** Who relies on being told is told: a failing backup ends in a mail, whatever is down or killed on the way. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readDatabase } from '#store/database.ts';
import { type ChannelState, createOutboxLog, type OutboxEntry } from '#store/outbox.ts';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { startPostfix, type TestPostfix } from '#test/support/postfix.ts';
import { eventually } from '#test/support/wait.ts';

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations:
  usb: { type: local, path: DIR/usb }
notifications:
  cooldown: 0s
  channels:
    mail:
      type: email
      host: localhost
      port: PORT
      tls: starttls
      ca_file: CA
      from: autopilot@autopilot-test.test
      to: [admin@autopilot-test.test]
    broken: { type: webhook, webhook_url: "http://127.0.0.1:9/token-in-the-url", allow_private: true }
  routes: [{ events: ["*_failed"], channels: [mail] }]
services:
  - { name: notes, type: generic, backup: { paths: [DIR/data], destinations: [usb] } }
  - { name: gone, type: generic, backup: { paths: [DIR/no-such-data], destinations: [usb] } }
`;

let postfix: TestPostfix | undefined;
let lab: TestHomelab | undefined;

beforeAll(async () => {
  if (!hasTool('postfix') || process.getuid?.() !== 0) return;
  postfix = await startPostfix();
  lab = await startHomelab(CONFIG.replace('PORT', String(postfix.port)).replace('CA', postfix.ca));
  await lab.write('data/a.txt', 'one');
  await lab.start(['up', '--port', '0']);
});
beforeEach((context) => {
  needs(context, 'postfix', 'openssl');
  if (lab === undefined) context.skip('postfix needs root');
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await postfix?.[Symbol.asyncDispose]();
});

/** Straight from the state file: a command for each look would take longer than what is looked for. */
function outbox(): { entries: OutboxEntry[]; troubled: ChannelState[] } {
  using db = readDatabase(join(lab?.dir ?? '', 'state', 'state.db'));
  const log = createOutboxLog(db);
  return { entries: log.entries(20), troubled: log.troubled() };
}

const newestIsSent = () =>
  eventually('the newest message is marked as sent', () => outbox().entries[0]?.status === 'sent');

const mails = async (count: number) => {
  const found = (await postfix?.mails()) ?? [];
  return found.length >= count ? found : undefined;
};

test('a backup that fails is told by mail, once; one that succeeds is not, for no route says so', async () => {
  await lab?.backup('notes');
  const run = await lab?.backup('gone');

  const [mail] = await eventually('the mail is delivered', () => mails(1));

  expect(run?.status).toBe('failed');
  expect(mail).toContain('Subject: backup gone failed');
  expect(mail).toContain('no-such-data');
  expect(mail).toContain(`run ${run?.id.slice(0, 4)}`);
  await newestIsSent();
  const log = await lab?.cli(['notify', 'log', '--json']);
  expect(JSON.parse(log?.stdout ?? '')).toMatchObject({
    notifications: [{ title: 'backup gone failed', channel: 'mail', status: 'sent', attempts: 1 }],
    troubledChannels: [],
  });
  expect(await postfix?.mails()).toHaveLength(1);
});

test('with the mail server down the message waits, survives the controller, and arrives when the server is back', async () => {
  const before = (await postfix?.mails())?.length ?? 0;
  await postfix?.stop();
  await lab?.backup('gone');
  await eventually('a try has failed', () => outbox().troubled.length > 0);
  expect(outbox().entries[0]).toMatchObject({ status: 'waiting', detail: expect.stringContaining('localhost:') });

  const pid = Number(await readFile(join(lab?.dir ?? '', 'state', 'controller.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  await postfix?.start();

  await eventually('the mail is delivered', () => mails(before + 1), 25_000);
  await newestIsSent();
  expect(outbox().troubled).toEqual([]);
  expect(await postfix?.mails()).toHaveLength(before + 1);
});

test('a channel can be tried by hand; one that does not work says why, without its secret', async () => {
  const good = await lab?.cli(['notify', 'test', 'mail']);
  const all = await lab?.cli(['notify', 'test']);
  const unknown = await lab?.cli(['notify', 'test', 'mial']);

  expect(good).toMatchObject({ status: 0, stdout: expect.stringContaining('accepted for admin@') });
  expect(all).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/broken +not delivered: .*127\.0\.0\.1:9 cannot be reached/),
  });
  expect(`${all?.stdout}${all?.stderr}`).not.toContain('token-in-the-url');
  expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean "mail"?') });
});

test('doctor looks at every channel', async () => {
  const outcome = await lab?.cli(['doctor', '--json']);

  const { findings } = JSON.parse(outcome?.stdout ?? '{}') as { findings: { check: string; status: string }[] };
  expect(findings.filter(({ check }) => check.startsWith('channel'))).toMatchObject([
    { check: 'channel mail', status: 'ok' },
    { check: 'channel broken', status: 'broken' },
  ]);
});
