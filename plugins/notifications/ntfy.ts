/** Messages to a topic of ntfy: ntfy.sh, or a server of your own. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { cutBytes, cutText } from '#sdk/cut.ts';
import { type Message, notification } from '#sdk/kinds/notification.ts';
import { outcomeOf, post } from '#sdk/post.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

const Config = z.object({
  url: z
    .url({ protocol: /^https?$/ })
    .default('https://ntfy.sh')
    .describe('The server'),
  topic: secret().describe('The topic. On a public server whoever knows it reads along'),
  token: secret().optional().describe('Access token, for topics that are protected'),
  allow_private: z
    .boolean()
    .default(false)
    .describe('Whether the server may be on this machine or in a private network, and then plain http'),
});
type NtfyTools = Tools<z.output<typeof Config>>;

export const plugin = notification.define({
  id: 'ntfy',
  title: 'ntfy',
  config: Config,
  actions: {
    async check(tools) {
      await topicOf(tools);
      const { url, allow_private: allowPrivate } = tools.config;
      const { status } = await post(tools, { url: below(url, 'v1/health'), allowPrivate });
      if (status !== 200) {
        throw new AutopilotError('HA_REMOTE_UNREACHABLE', `${tools.name}: ${new URL(url).host} answered ${status}`);
      }
      return { detail: `${new URL(url).host} answers` };
    },

    async send(tools, { message }) {
      const { url, token, allow_private: allowPrivate } = tools.config;
      const authorization = token === undefined ? {} : { authorization: `Bearer ${await tools.secret(token)}` };
      const body = JSON.stringify(payload(message, await topicOf(tools)));
      const headers = { 'content-type': 'application/json', ...authorization };
      return outcomeOf(await post(tools, { url: below(url, ''), allowPrivate, body, headers }));
    },
  },
});

async function topicOf(tools: NtfyTools): Promise<string> {
  const topic = await tools.secret(tools.config.topic);
  if (/^[-_A-Za-z0-9]{1,64}$/.test(topic)) return topic;
  throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: that is not the name of an ntfy topic`, {
    next: 'a topic has letters, digits, "-" and "_", at most 64',
  });
}

const PRIORITIES = { info: 3, warning: 4, error: 5 } as const;
const TAGS = { info: 'white_check_mark', warning: 'warning', error: 'x' } as const;

/** Longer texts are turned into an attachment by the server. */
const TEXT_BYTES = 4096;
const TITLE_LIMIT = 250;

/** As JSON to the server itself: headers could not carry every letter. */
function payload(message: Message, topic: string) {
  return {
    topic,
    title: cutText(message.title, TITLE_LIMIT),
    message: cutBytes(message.text, TEXT_BYTES),
    priority: PRIORITIES[message.severity],
    tags: [TAGS[message.severity]],
  };
}

function below(url: string, path: string): string {
  return new URL(path, url.endsWith('/') ? url : `${url}/`).href;
}
