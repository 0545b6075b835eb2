/** Messages in a Discord channel, through a webhook. */

import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import { cutText } from '#sdk/cut.ts';
import { type Message, notification } from '#sdk/kinds/notification.ts';
import { type Answer, outcomeOf, post } from '#sdk/post.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';
import { ApiBase, vendorTarget } from '#sdk/vendor.ts';

const Config = z.object({
  webhook_url: secret().describe('The webhook, as Discord shows it'),
  api_base: ApiBase,
});
type DiscordTools = Tools<z.output<typeof Config>>;

export const plugin = notification.define({
  id: 'discord',
  title: 'Discord',
  config: Config,
  actions: {
    async check(tools) {
      const answer = judge(await post(tools, await target(tools)));
      if (!answer.delivered) {
        throw new AutopilotError('HA_REMOTE_UNREACHABLE', `${tools.name}: Discord ${answer.detail}`);
      }
      return { detail: 'the webhook is there' };
    },

    async send(tools, { message }) {
      const { url, allowPrivate } = await target(tools);
      // Without `wait` Discord answers 204 before it has looked at the message.
      const waiting = new URL(url);
      waiting.searchParams.set('wait', 'true');
      const body = JSON.stringify(payload(message));
      const headers = { 'content-type': 'application/json' };
      return judge(await post(tools, { url: waiting.href, allowPrivate, body, headers }));
    },
  },
});

async function target(tools: DiscordTools): Promise<{ url: string; allowPrivate: boolean }> {
  return vendorTarget(await tools.secret(tools.config.webhook_url), {
    name: tools.name,
    hosts: ['discord.com', 'discordapp.com', 'ptb.discord.com', 'canary.discord.com'],
    path: /^\/api\/(v\d+\/)?webhooks\/\d+\/[\w-]+$/,
    apiBase: tools.config.api_base,
  });
}

const COLOURS = { info: 0x2e7d32, warning: 0xf9a825, error: 0xc62828 } as const;

/** Title 256, description 4096, footer 2048, and 6000 for all of them together. */
const TITLE_LIMIT = 256;
const DESCRIPTION_LIMIT = 4096;
const FOOTER_LIMIT = 1024;

function payload(message: Message) {
  const about = [message.event, message.service, message.host].filter((part) => part !== undefined).join(' · ');
  return {
    embeds: [
      {
        title: cutText(escaped(message.title), TITLE_LIMIT),
        description: cutText(escaped(message.text), DESCRIPTION_LIMIT),
        color: COLOURS[message.severity],
        timestamp: message.at,
        footer: { text: cutText(about, FOOTER_LIMIT) },
      },
    ],
    // A name in an error message must not ring for everybody.
    allowed_mentions: { parse: [] },
  };
}

/** What Markdown would act on; a path or a pattern is shown as it is. */
function escaped(text: string): string {
  return text.replaceAll(/[\\*_~`|>#[\]()<]/g, (character) => `\\${character}`);
}

const UNKNOWN_WEBHOOK = 10_015;

const Said = z.object({
  message: z.string().optional(),
  code: z.number().optional(),
  retry_after: z.number().nonnegative().optional(),
  errors: z.json().optional(),
});

function judge(answer: Answer) {
  const said = saidIn(answer.text);
  const outcome = outcomeOf(answer);
  if (outcome.delivered) return { delivered: true, detail: 'posted' };
  const reasons = said.errors === undefined ? '' : `: ${reasonsIn(said.errors).join('; ')}`;
  const detail = said.message === undefined ? outcome.detail : `answered ${answer.status}: ${said.message}${reasons}`;
  // Seconds with a fraction; the header rounds them.
  const wait = said.retry_after === undefined ? answer.retryAfterMs : Math.ceil(said.retry_after * 1_000);
  return {
    ...outcome,
    detail: said.code === undefined || said.code === 0 ? detail : `${detail} (code ${said.code})`,
    ...(said.code === UNKNOWN_WEBHOOK ? { refused: 'channel' as const } : {}),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}

function saidIn(text: string): z.output<typeof Said> {
  return Said.safeParse(jsonIn(text)).data ?? {};
}

/** Discord nests them along the path of what is wrong: `embeds.0.description._errors`. */
function reasonsIn(errors: z.core.util.JSONType, path = ''): string[] {
  if (errors === null || typeof errors !== 'object') return [];
  if (Array.isArray(errors)) {
    return errors.map((error) => {
      const text = error !== null && typeof error === 'object' && 'message' in error ? error['message'] : error;
      return `${path} ${typeof text === 'string' ? text : JSON.stringify(text)}`.trim();
    });
  }
  return Object.entries(errors).flatMap(([key, inner]) => {
    const below = path === '' ? key : `${path}.${key}`;
    return reasonsIn(inner, key === '_errors' ? path : below);
  });
}
