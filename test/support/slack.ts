/** Slack's incoming webhooks on loopback: its limits, its pace and its answers. */
import { z } from 'zod';
import { type Asked, type Reply, startServer, type TestServer } from '#test/support/http.ts';

const Text = (limit: number) =>
  z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('plain_text'),
      text: z.string().min(1).max(limit),
      emoji: z.boolean().optional(),
    }),
    z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(limit), verbatim: z.boolean().optional() }),
  ]);

const Block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('header'), text: Text(150) }),
  z.strictObject({ type: z.literal('section'), text: Text(3000) }),
  z.strictObject({ type: z.literal('context'), elements: z.array(Text(3000)).min(1).max(10) }),
]);

const Payload = z.strictObject({ text: z.string().min(1), blocks: z.array(Block).max(50).optional() });

export interface TestSlack extends TestServer {
  webhook: string;
  /** Archives the channel. */
  archive(): void;
  /** Allows as many messages at once from now on. */
  widen(burst: number): void;
}

/** One message a second, with a burst of `burst`. */
export async function startSlack({ burst: atFirst = 5 } = {}): Promise<TestSlack> {
  const path = '/services/T000/B000/XXXXXXXXXXXX';
  let burst = atFirst;
  let tokens = burst;
  let refilledAt = Date.now();
  let archived = false;
  const answer = ({ method, path: asked, body }: Asked): Reply => {
    if (method !== 'POST' || asked !== path) return { status: 404, body: 'no_service' };
    if (archived) return { status: 410, body: 'channel_is_archived' };
    tokens = Math.min(burst, tokens + (Date.now() - refilledAt) / 1_000);
    refilledAt = Date.now();
    if (tokens < 1) return { status: 429, body: 'rate_limited', headers: { 'retry-after': '30' } };
    tokens -= 1;
    const payload = Payload.safeParse(json(body));
    if (payload.success) return { status: 200, body: 'ok' };
    const inBlocks = payload.error.issues.some(({ path: [first] }) => first === 'blocks');
    return { status: 400, body: inBlocks ? 'invalid_blocks' : 'invalid_payload' };
  };
  const server = await startServer(answer);
  return {
    ...server,
    webhook: `https://hooks.slack.com${path}`,
    widen: (more) => {
      burst = more;
      tokens = more;
    },
    archive: () => {
      archived = true;
    },
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
