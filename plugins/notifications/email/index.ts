/** Messages as mail, through an SMTP server. */
import { readFile } from 'node:fs/promises';
import type { Transporter } from 'nodemailer';
import { z } from 'zod';
import { isLoopbackName } from '#sdk/address.ts';
import { notification } from '#sdk/kinds/notification.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';
import { htmlOf } from './html.ts';
import { accepted, refusedBy, smtpError } from './smtp-errors.ts';

const Address = z.email({ pattern: /^[^\s@<>,;]+@[^\s@<>,;]+$/ });

const Config = z
  .object({
    host: z.string().min(1).describe('The mail server'),
    port: z.int().min(1).max(65535).default(587).describe('587 for STARTTLS, 465 for TLS from the start'),
    tls: z
      .enum(['starttls', 'implicit', 'none'])
      .optional()
      .describe(
        'Default: implicit on port 465, none to this machine itself, starttls otherwise; none is for this machine alone',
      ),
    ca_file: z.string().meta({ path: true }).optional().describe('Certificate of your own authority, as PEM'),
    from: Address.describe('The sender'),
    to: z.array(Address).min(1).describe('Who gets the mail'),
    username: z.string().optional().describe('For servers that want a login'),
    password: secret().optional().describe('Goes with username'),
  })
  .refine(({ tls, host }) => tls !== 'none' || isLoopbackName(host), {
    path: ['tls'],
    message: 'mail leaves this machine over TLS only; write starttls or implicit',
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    path: ['username'],
    message: 'username and password go together',
  });
type EmailTools = Tools<z.output<typeof Config>>;

export const plugin = notification.define({
  id: 'email',
  title: 'Email',
  config: Config,
  actions: {
    async check(tools) {
      return connected(tools, async (transport) => {
        await transport.verify();
        return { detail: `${tools.config.host}:${tools.config.port} takes our mail` };
      });
    },

    async send(tools, { message }) {
      const { from, to, host, port } = tools.config;
      const mail = {
        from: { name: 'Homelab Autopilot', address: from },
        to,
        subject: message.title.replaceAll(/\s+/g, ' '),
        text: `${message.text}\n`,
        html: htmlOf(message),
        date: new Date(message.at),
        // The same for every copy of one message, by which mail programs drop a second one.
        messageId: `<${message.id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Homelab-Autopilot-Event': message.event },
        disableFileAccess: true,
        disableUrlAccess: true,
      };
      return connected(tools, async (transport) => {
        try {
          return accepted(await transport.sendMail(mail));
        } catch (error) {
          const refused = refusedBy(error);
          if (refused === undefined) throw smtpError(error, `${host}:${port}`);
          return refused;
        }
      });
    },
  },
});

const CONNECT_MS = 15_000;
const SILENCE_MS = 30_000;

async function connected<T>(tools: EmailTools, work: (transport: Transporter) => Promise<T>): Promise<T> {
  const transport = await open(tools);
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const stop = () => stopped.reject(tools.signal.reason);
  tools.signal.addEventListener('abort', stop, { once: true });
  try {
    tools.signal.throwIfAborted();
    return await Promise.race([work(transport), stopped.promise]);
  } catch (error) {
    tools.signal.throwIfAborted();
    throw smtpError(error, `${tools.config.host}:${tools.config.port}`);
  } finally {
    tools.signal.removeEventListener('abort', stop);
    transport.close();
  }
}

async function open({ config, secret: fetchSecret }: EmailTools): Promise<Transporter> {
  const { host, port, username, password } = config;
  const standard = isLoopbackName(host) ? 'none' : 'starttls';
  const tls = config.tls ?? (port === 465 ? 'implicit' : standard);
  const ca = config.ca_file === undefined ? {} : { ca: await readFile(config.ca_file, 'utf8') };
  const login =
    username === undefined || password === undefined
      ? {}
      : { auth: { user: username, pass: await fetchSecret(password) } };
  // Loaded when a mail is sent: every command loads the plugins, and few of them send mail.
  const { createTransport } = await import('nodemailer');
  return createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', ...ca },
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    ...login,
  });
}
