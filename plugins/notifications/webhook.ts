/** Messages as JSON to an address of your own, with a signature if you like. */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { type Message, notification } from '#sdk/kinds/notification.ts';
import { outcomeOf, post } from '#sdk/post.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

type Json = z.output<ReturnType<typeof z.json>>;

const FIELDS = ['id', 'event', 'severity', 'title', 'text', 'service', 'host', 'at'] as const;
const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;

const Config = z.object({
  webhook_url: secret().describe('Where the messages are posted to'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/, 'not the name of a header'), z.string())
    .default({})
    .describe('Headers of the request, by name'),
  token: secret().optional().describe('Sent as "Authorization: Bearer …"'),
  signing_key: secret()
    .optional()
    .describe('Key of the signature in the header X-Hub-Signature-256: HMAC-SHA256 of the body, "sha256=" and hex'),
  body: z
    .record(z.string(), z.json())
    .refine(
      (body) => unknownField(body) === undefined,
      `a placeholder is one of ${FIELDS.map((name) => `{{${name}}}`).join(' ')}`,
    )
    .optional()
    .describe(
      'What is sent, with placeholders such as {{title}} and {{text}} in its texts. Default: the whole message',
    ),
  allow_private: z
    .boolean()
    .default(false)
    .describe('Whether the address may be on this machine or in a private network, and then plain http'),
});
type WebhookTools = Tools<z.output<typeof Config>>;

export const plugin = notification.define({
  id: 'webhook',
  title: 'Webhook with JSON',
  config: Config,
  actions: {
    async check(tools) {
      // Any answer will do: most receivers take POST alone, and a POST would be a message.
      const { status } = await post(tools, await target(tools));
      return { detail: `answers (${status} to a GET)` };
    },

    async send(tools, { message }) {
      const { config } = tools;
      const body = JSON.stringify(config.body === undefined ? message : filled(config.body, message));
      const given = Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
      const own = { 'content-type': 'application/json', ...(await authorization(tools)) };
      const headers = { ...own, ...Object.fromEntries(given) };
      const signature = await signed(tools, body);
      return outcomeOf(await post(tools, { ...(await target(tools)), body, headers: { ...headers, ...signature } }));
    },
  },
});

async function target({ config, secret: fetchSecret }: WebhookTools): Promise<{ url: string; allowPrivate: boolean }> {
  return { url: await fetchSecret(config.webhook_url), allowPrivate: config.allow_private };
}

async function authorization({ config, secret: fetchSecret }: WebhookTools): Promise<Record<string, string>> {
  return config.token === undefined ? {} : { authorization: `Bearer ${await fetchSecret(config.token)}` };
}

async function signed({ config, secret: fetchSecret }: WebhookTools, body: string): Promise<Record<string, string>> {
  if (config.signing_key === undefined) return {};
  const digest = createHmac('sha256', await fetchSecret(config.signing_key))
    .update(body)
    .digest('hex');
  return { 'x-hub-signature-256': `sha256=${digest}` };
}

/** Values go into texts that are encoded afterwards, so that nothing in a message can change the form of the JSON. */
function filled(template: Json, message: Message): Json {
  if (typeof template === 'string') {
    return template.replaceAll(PLACEHOLDER, (_, name: string) => String(Reflect.get(message, name) ?? ''));
  }
  if (Array.isArray(template)) return template.map((item) => filled(item, message));
  if (template === null || typeof template !== 'object') return template;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, filled(value, message)]));
}

function unknownField(template: Json): string | undefined {
  if (typeof template === 'string') {
    const names = [...template.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
    return names.find((name) => !FIELDS.some((field) => field === name));
  }
  if (template === null || typeof template !== 'object') return undefined;
  return Object.values(template)
    .map(unknownField)
    .find((name) => name !== undefined);
}
