/** Email, against a real postfix: STARTTLS with an authority of our own, and what a server may refuse. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { plugin } from '#plugins/notifications/email/index.ts';
import { accepted, refusedBy } from '#plugins/notifications/email/smtp-errors.ts';
import { known, openChannel } from '#test/plugins/notifications/channel.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { startPostfix, type TestPostfix } from '#test/support/postfix.ts';
import { eventually } from '#test/support/wait.ts';

const FROM = 'autopilot@autopilot-test.test';
const ADMIN = 'admin@autopilot-test.test';

describe('through a mail server', () => {
  let postfix: TestPostfix | undefined;

  beforeAll(async () => {
    if (hasTool('postfix') && process.getuid?.() === 0) postfix = await startPostfix();
  });
  beforeEach((context) => {
    needs(context, 'postfix', 'openssl');
    if (postfix === undefined) context.skip('postfix needs root');
  });
  afterAll(() => postfix?.[Symbol.asyncDispose]());

  const configOf = (more = {}) => ({
    host: 'localhost',
    port: postfix?.port ?? 0,
    tls: 'starttls',
    ca_file: postfix?.ca ?? '',
    from: FROM,
    to: [ADMIN],
    ...more,
  });
  const mailWith = (words: string, user = 'admin') =>
    eventually(`a mail with "${words}"`, async () => {
      const mails = (await postfix?.mails(user)) ?? [];
      return mails.find((mail) => mail.includes(words));
    });

  test('a message arrives as text and HTML, with a Message-ID that is the same for every copy', async () => {
    await using channel = await openChannel(plugin, configOf());

    const outcome = await channel.send({ id: 'stable', text: 'a <b> & c' });

    const mail = await mailWith('<stable@autopilot-test.test>');
    expect(outcome).toMatchObject({ delivered: true, detail: `accepted for ${ADMIN}` });
    expect(mail).toMatch(/^Subject: backup notes failed\r?$/m);
    expect(mail).toContain('Auto-Submitted: auto-generated');
    expect(mail).toContain('a <b> & c');
    expect(mail).toContain('a &lt;b&gt; &amp; c');
    expect(mail).toContain('with ESMTPS');
  });

  test('a title with line breaks adds no header', async () => {
    await using channel = await openChannel(plugin, configOf());

    await channel.send({ id: 'folded', title: 'broken\r\nBcc: second@autopilot-test.test\r\n\r\nbody' });

    const mail = await mailWith('<folded@');
    expect(mail).toContain('Subject: broken Bcc: second@autopilot-test.test body');
    expect(mail).not.toMatch(/^Bcc:/im);
    expect(await postfix?.mails('second')).toEqual([]);
  });

  test('a server that takes the mail for some tells for whom it did not', async () => {
    await using channel = await openChannel(plugin, configOf({ to: [ADMIN, 'nobody@autopilot-test.test'] }));

    const outcome = await channel.send({ id: 'partly' });

    await mailWith('<partly@');
    expect(outcome).toMatchObject({
      delivered: true,
      detail: expect.stringMatching(/accepted for admin@.*but not for nobody@autopilot-test\.test \(550/),
    });
  });

  test('a message that nobody gets is refused for good', async () => {
    await using channel = await openChannel(plugin, configOf({ to: ['nobody@autopilot-test.test'] }));

    expect(await channel.send()).toMatchObject({ delivered: false, refused: 'message' });
  });

  test('a message that is too large is refused for good', async () => {
    await using channel = await openChannel(plugin, configOf());

    const outcome = await channel.send({ text: 'x '.repeat(60_000) });

    expect(outcome).toMatchObject({ delivered: false, refused: 'message', detail: expect.stringContaining('552') });
  });

  test('a certificate of an unknown authority is not accepted, and ca_file is named', async () => {
    await using channel = await openChannel(plugin, configOf({ ca_file: undefined }));

    await expect(channel.send()).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      next: expect.stringContaining('ca_file'),
    });
  });

  test('the check connects over TLS and sends nothing', async () => {
    await using channel = await openChannel(plugin, configOf());
    const before = await postfix?.mails();

    await channel.check();

    expect(await postfix?.mails()).toEqual(before);
  });
});

test('a server that is not there is told with its address', async () => {
  await using channel = await openChannel(plugin, { host: '127.0.0.1', port: 9, from: FROM, to: [ADMIN] });

  await expect(channel.send()).rejects.toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
    message: expect.stringContaining('127.0.0.1:9'),
  });
});

describe('the configuration', () => {
  const base = { host: 'mail.example.org', from: FROM, to: [ADMIN] };
  test.each([
    [{ tls: 'none' }, 'over TLS only'],
    [{ username: 'a' }, 'go together'],
    [{ password: known('p') }, 'go together'],
    [{ to: [] }, '>=1'],
    [{ to: ['a@b, c@d'] }, 'email'],
    [{ from: 'no address' }, 'email'],
  ])('with %o is refused', (more, reason) => {
    const { error } = plugin.config.safeParse({ ...base, ...more });

    expect(error?.message).toContain(reason);
  });

  test('may leave TLS out to this machine itself', () => {
    expect(plugin.config.safeParse({ ...base, host: '127.0.0.1', tls: 'none' }).success).toBe(true);
  });
});

describe('what a server says', () => {
  const failure = (code: string, responseCode: number) => Object.assign(new Error('no'), { code, responseCode });
  test.each([
    ['EENVELOPE', 451, 'busy'],
    ['EENVELOPE', 550, 'message'],
    ['EENVELOPE', 530, 'channel'],
    ['EMESSAGE', 552, 'message'],
  ])('%s %i refuses: %s', (code, status, refused) => {
    expect(refusedBy(failure(code, status))).toMatchObject({ delivered: false, refused });
  });

  test('of a login that failed is no word about the message', () => {
    expect(refusedBy(failure('EAUTH', 535))).toBeUndefined();
  });

  test('for some recipients alone names the others', () => {
    const sent = { accepted: ['a@x'], rejected: ['b@x'], rejectedErrors: [{ response: '450 later' }] };

    expect(accepted(sent).detail).toBe('accepted for a@x, but not for b@x (450 later)');
  });
});
