/** Messages to an Apprise API server, which passes them on to what is configured there under a key. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { notification } from '#sdk/kinds/notification.ts';
import { outcomeOf, post } from '#sdk/post.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

const Config = z.object({
  url: z.url({ protocol: /^https?$/ }).describe('The server: http://apprise.lan:8000'),
  key: secret().describe('The key of the configuration that is kept on the server. Whoever knows it can send'),
  tag: z.string().min(1).optional().describe('Only to what has this tag there. Default: to all'),
  allow_private: z
    .boolean()
    .default(false)
    .describe('Whether the server may be on this machine or in a private network, and then plain http'),
});
type AppriseTools = Tools<z.output<typeof Config>>;

const TYPES = { info: 'success', warning: 'warning', error: 'failure' } as const;

export const plugin = notification.define({
  id: 'apprise',
  title: 'Apprise API server',
  config: Config,
  actions: {
    async check(tools) {
      await keyOf(tools);
      const { status } = await post(tools, target(tools, 'status'));
      const { host } = new URL(tools.config.url);
      if (status !== 200)
        throw new AutopilotError('HA_REMOTE_UNREACHABLE', `${tools.name}: ${host} answered ${status}`);
      return { detail: `${host} answers` };
    },

    async send(tools, { message }) {
      const { tag } = tools.config;
      const { title, text, severity } = message;
      const payload = {
        title,
        body: text,
        type: TYPES[severity],
        format: 'text',
        ...(tag === undefined ? {} : { tag }),
      };
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const path = `notify/${await keyOf(tools)}`;
      const answer = await post(tools, { ...target(tools, path), body: JSON.stringify(payload), headers });
      // A success by its number, but nothing was sent to anybody.
      if (answer.status === 204)
        return { delivered: false, detail: 'nothing is configured under this key', refused: 'channel' };
      // Some of the receivers did not take it; those that did may get it again, which is better than not at all.
      return answer.status === 424 ? { ...outcomeOf(answer), refused: 'busy' as const } : outcomeOf(answer);
    },
  },
});

function target({ config }: AppriseTools, path: string): { url: string; allowPrivate: boolean } {
  const base = config.url.endsWith('/') ? config.url : `${config.url}/`;
  return { url: new URL(path, base).href, allowPrivate: config.allow_private };
}

async function keyOf(tools: AppriseTools): Promise<string> {
  const key = await tools.secret(tools.config.key);
  if (/^[\w-]{1,128}$/.test(key)) return key;
  throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: that is not a key of an Apprise API server`, {
    next: 'a key has letters, digits, "-" and "_", at most 128',
  });
}
