/** Messages in a Slack channel, through an incoming webhook. */
import { z } from 'zod';
import { cutText } from '#sdk/cut.ts';
import { type Message, notification } from '#sdk/kinds/notification.ts';
import { type Answer, outcomeOf, post } from '#sdk/post.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';
import { ApiBase, vendorTarget } from '#sdk/vendor.ts';

const Config = z.object({
  webhook_url: secret().describe('The incoming webhook, as Slack shows it'),
  api_base: ApiBase,
});
type SlackTools = Tools<z.output<typeof Config>>;

export const plugin = notification.define({
  id: 'slack',
  title: 'Slack',
  config: Config,
  actions: {
    async check(tools) {
      await target(tools);
      return { detail: 'the webhook has the right form; Slack tells no more without a message' };
    },

    async send(tools, { message }) {
      const body = JSON.stringify(payload(message));
      const headers = { 'content-type': 'application/json; charset=utf-8' };
      return judge(await post(tools, { ...(await target(tools)), body, headers }));
    },
  },
});

async function target(tools: SlackTools): Promise<{ url: string; allowPrivate: boolean }> {
  return vendorTarget(await tools.secret(tools.config.webhook_url), {
    name: tools.name,
    hosts: ['hooks.slack.com', 'hooks.slack-gov.com'],
    path: /^\/(services|workflows|triggers)\/./,
    apiBase: tools.config.api_base,
  });
}

const MARKS = { info: ':white_check_mark:', warning: ':warning:', error: ':x:' } as const;

/** Block Kit: a header's text has at most 150 characters, a section's 3000, a block list 50 blocks. */
const HEADER_LIMIT = 150;
const SECTION_LIMIT = 3000;
const CONTEXT_LIMIT = 2000;

function payload(message: Message) {
  const about = [message.event, message.service, message.host].filter((part) => part !== undefined).join(' · ');
  return {
    // What notifications on a phone show, and old clients.
    text: escaped(message.title, SECTION_LIMIT),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cutText(message.title, HEADER_LIMIT), emoji: false } },
      {
        type: 'section',
        // `verbatim` keeps Slack from making links and mentions of names in the text.
        text: { type: 'mrkdwn', text: escaped(message.text, SECTION_LIMIT) || '–', verbatim: true },
      },
      {
        type: 'context',
        elements: [{ type: 'mrkdwn', text: `${MARKS[message.severity]} ${escaped(about, CONTEXT_LIMIT)}` }],
      },
    ],
  };
}

/** The three characters with which commands of Slack begin and end; counted after the escaping, as Slack does. */
function escaped(text: string, limit: number): string {
  let room = limit;
  for (;;) {
    const done = cutText(text, room).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    if (done.length <= limit) return done;
    room -= Math.max(1, Math.ceil((done.length - limit) / 5));
  }
}

function judge(answer: Answer) {
  const { status, text } = answer;
  // A page of a proxy or a portal is answered with 200 as well.
  if (status === 200 && text.trim() !== 'ok') {
    return { delivered: false, detail: 'answered 200, but not "ok": this was not Slack', refused: 'busy' as const };
  }
  return outcomeOf(answer);
}
