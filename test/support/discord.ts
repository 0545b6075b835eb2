/** Discord's webhooks on loopback: the limits of embeds, `wait`, rate limits, and a webhook that can be deleted. */
import { z } from 'zod';
import { type Asked, type Reply, startServer, type TestServer } from '#test/support/http.ts';

const Embed = z.strictObject({
  title: z.string().max(256).optional(),
  description: z.string().max(4096).optional(),
  color: z.int().min(0).max(0xffffff).optional(),
  timestamp: z.iso.datetime().optional(),
  footer: z.strictObject({ text: z.string().max(2048) }).optional(),
});
const Payload = z
  .strictObject({
    content: z.string().max(2000).optional(),
    embeds: z.array(Embed).max(10).optional(),
    allowed_mentions: z.strictObject({ parse: z.array(z.enum(['users', 'roles', 'everyone'])) }).optional(),
  })
  .refine(({ embeds = [] }) => embeds.reduce((sum, embed) => sum + lengthOf(embed), 0) <= 6000, { path: ['embeds'] })
  .refine(({ content = '', embeds = [] }) => content !== '' || embeds.length > 0, { path: ['content'] });

export interface TestDiscord extends TestServer {
  webhook: string;
  remove(): void;
  /** The next request is refused for so many seconds. */
  limit(seconds: number): void;
}

export async function startDiscord(): Promise<TestDiscord> {
  const path = '/api/webhooks/123456789012345678/token-token-token';
  let gone = false;
  let limited: number | undefined;
  const answer = ({ method, path: asked, body }: Asked): Reply => {
    const url = new URL(asked, 'http://localhost');
    if (gone || url.pathname !== path) return reply(404, { message: 'Unknown Webhook', code: 10015 });
    if (method === 'GET') return reply(200, { id: '123456789012345678', type: 1 });
    if (limited !== undefined) {
      const seconds = limited;
      limited = undefined;
      const headers = { 'retry-after': String(Math.ceil(seconds)), 'x-ratelimit-scope': 'shared' };
      return reply(429, { message: 'You are being rate limited.', retry_after: seconds, global: false }, headers);
    }
    const payload = Payload.safeParse(JSON.parse(body));
    // Without `wait` nothing is said of a message that is not saved.
    if (url.searchParams.get('wait') !== 'true') return { status: 204 };
    if (payload.success) return reply(200, { id: '987654321098765432', type: 0 });
    return reply(400, { message: 'Invalid Form Body', code: 50035, errors: nested(payload.error.issues) });
  };
  const server = await startServer(answer);
  return {
    ...server,
    webhook: `https://discord.com${path}`,
    remove: () => {
      gone = true;
    },
    limit: (seconds) => {
      limited = seconds;
    },
  };
}

function reply(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return { status, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
}

function lengthOf({ title = '', description = '', footer }: z.output<typeof Embed>): number {
  return title.length + description.length + (footer?.text.length ?? 0);
}

function nested(issues: readonly z.core.$ZodIssue[]): unknown {
  const [issue] = issues;
  const leaf = { _errors: [{ code: 'BASE_TYPE_BAD', message: issue?.message ?? '' }] };
  return (issue?.path ?? []).reduceRight<unknown>((inner, key) => ({ [String(key)]: inner }), leaf);
}
