/** Sends pings to dead-man's switches: checks of Healthchecks, or of whatever takes the same addresses. */
import { type Line, type SendOutcome, triedInVain } from '#app/channels.ts';
import { withTools } from '#app/local-tools.ts';
import { type Pinged, pingsOf } from '#app/schedules.ts';
import type { Settings } from '#app/settings.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { Message } from '#sdk/kinds/notification.ts';
import { allowedTarget, outcomeOf, post } from '#sdk/post.ts';
import type { Tools } from '#sdk/tools.ts';

/** No channel has a space in its name. */
export function pingLineName(schedule: string): string {
  return `ping ${schedule}`;
}

export function pingLines(settings: Settings): Line[] {
  const all = pingsOf(settings.config);
  return all.map((pinged) => ({
    name: pingLineName(pinged.schedule),
    async send(message, signal) {
      try {
        return await withTools(settings, workOf(pinged, signal), (tools) => ping(tools, { pinged, all, message }));
      } catch (error) {
        return triedInVain(error);
      }
    },
  }));
}

/**
 * Whether the address can be had and may be used. It is not asked: an answer would count as a success.
 * @throws AutopilotError when it cannot.
 */
export async function checkPing(settings: Settings, pinged: Pinged, signal: AbortSignal): Promise<string> {
  const all = pingsOf(settings.config);
  return await withTools(settings, workOf(pinged, signal), async (tools) => {
    const url = await addressOf(tools, pinged, all);
    const { host } = await allowedTarget(url, { name: tools.name, allowPrivate: pinged.ping.allowPrivate });
    return `${host} may be told (it was not asked)`;
  });
}

function workOf({ schedule }: Pinged, signal: AbortSignal) {
  return { name: pingLineName(schedule), signal, progress: () => undefined };
}

const SUFFIX: Readonly<Record<string, string>> = { ping_start: '/start', ping_success: '', ping_fail: '/fail' };

async function ping(
  tools: Tools,
  { pinged, all, message }: { pinged: Pinged; all: readonly Pinged[]; message: Message },
): Promise<SendOutcome> {
  const { allowPrivate } = pinged.ping;
  const url = withSuffix(await addressOf(tools, pinged, all), SUFFIX[message.event] ?? '');
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  const answer = await post(tools, { url, body: message.text, headers, allowPrivate });
  const { delivered, detail, refused = 'busy', retryAfterMs } = outcomeOf(answer);
  if (!delivered) return { delivered, detail, refused, retryAfterMs };
  return hidden(answer.text.trim()) ?? { delivered, detail };
}

/** How long Healthchecks counts pings of one check (milliseconds): it takes five in this time. */
const RATE_MS = 60_000;

/** Healthchecks says in a text with status 200 that it has not counted a ping. */
function hidden(said: string): SendOutcome | undefined {
  const detail = `answered 200: ${said}`;
  if (said === 'OK (not found)') return { delivered: false, detail, refused: 'channel', retryAfterMs: undefined };
  if (said === 'OK (rate limited)') return { delivered: false, detail, refused: 'busy', retryAfterMs: RATE_MS };
  return undefined;
}

/** @throws AutopilotError when several schedules would share one check: each would hide what another does not do. */
async function addressOf(tools: Tools, { service, ping: { url } }: Pinged, all: readonly Pinged[]): Promise<string> {
  const text = (await tools.secret(url)).trim();
  const { path } = url.$secret;
  const sharing = all.filter((other) => other.ping.url.$secret.path === path).length;
  if (sharing > 1 && !PLACEHOLDER.test(text)) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: ${sharing} schedules would share one check`, {
      next: `put {{service}} into the address of ${path}, or give each service a "ping" of its own`,
    });
  }
  return text.replace(PLACEHOLDER, service);
}

const PLACEHOLDER = /\{\{\s*service\s*\}\}/;

/** Before the query: `https://hc-ping.com/key/slug?create=1`. What is no URL is refused by whoever posts. */
function withSuffix(text: string, suffix: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  url.pathname = url.pathname.replace(/\/$/, '') + suffix;
  return url.href;
}
