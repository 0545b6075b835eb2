/** Posts a text to an address that a user configured: only where it may go, no redirects, and never for long. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { hasCredentials, reachOf } from '#sdk/address.ts';
import type { Refusal } from '#sdk/kinds/notification.ts';
import type { Tools } from '#sdk/tools.ts';

export interface Post {
  /** It may be a secret; messages name its host alone. */
  url: string;
  /** Left out: a GET. */
  body?: string;
  headers?: Record<string, string>;
  /** Whether the address may be one of this machine or of a private network. Then it may also be plain http. */
  allowPrivate: boolean;
}

export interface Answer {
  status: number;
  /** The beginning of it. */
  text: string;
  /** From `Retry-After`, in milliseconds. */
  retryAfterMs: number | undefined;
  /** Where a redirect would lead. */
  location: string | undefined;
}

const LIMIT_MS = 20_000;
const ANSWER_CHARACTERS = 64 * 1024;

/** @throws AutopilotError HA_CONFIG_INVALID when the address may not be used, HA_REMOTE_UNREACHABLE without an answer. */
export async function post(tools: Tools, { url, body, headers = {}, allowPrivate }: Post): Promise<Answer> {
  const target = await allowedTarget(url, { name: tools.name, allowPrivate });
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(LIMIT_MS)]);
  try {
    const response = await tools.fetch(target, {
      ...(body === undefined ? {} : { method: 'POST', body }),
      headers,
      signal,
      redirect: 'manual',
    });
    return {
      status: response.status,
      text: await beginningOf(response),
      retryAfterMs: retryAfter(response.headers.get('retry-after'), tools.now()),
      location: response.headers.get('location') ?? undefined,
    };
  } catch (error) {
    tools.signal.throwIfAborted();
    const late = error instanceof Error && error.name === 'TimeoutError';
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const reason = late ? `no answer within ${LIMIT_MS / 1_000} s` : errorText(cause);
    throw new AutopilotError('HA_REMOTE_UNREACHABLE', `${target.host} cannot be reached: ${reason}`, { cause });
  }
}

/** What an HTTP status means for a message, unless the vendor says something better. */
export function outcomeOf({ status, text, retryAfterMs, location }: Answer): {
  delivered: boolean;
  detail: string;
  refused?: Refusal;
  retryAfterMs?: number;
} {
  if (status >= 200 && status < 300) return { delivered: true, detail: `accepted (${status})` };
  const said = text.trim().replaceAll(/\s+/g, ' ').slice(0, 200);
  const to = location === undefined ? '' : `, to ${location}; redirects are not followed`;
  return {
    delivered: false,
    detail: `answered ${status}${to}${said === '' ? '' : `: ${said}`}`,
    refused: refusalOf(status),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function refusalOf(status: number): Refusal {
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'busy';
  // Wrong credentials, a removed address, a redirect: the same for every message, until somebody corrects it.
  if (status < 400 || [401, 403, 404, 405, 407, 410].includes(status)) return 'channel';
  return 'message';
}

/** @throws AutopilotError HA_CONFIG_INVALID when the address may not be used, HA_REMOTE_UNREACHABLE without such a machine. */
export async function allowedTarget(
  url: string,
  { name, allowPrivate }: { name: string; allowPrivate: boolean },
): Promise<URL> {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target === undefined || (target.protocol !== 'https:' && target.protocol !== 'http:')) {
    throw refused(name, 'its address is not one that begins with https://');
  }
  if (hasCredentials(url)) {
    throw refused(name, `the address of ${target.host} holds a user name or password; give them in keys of their own`);
  }
  if (target.protocol === 'http:' && !allowPrivate) throw refused(name, `${target.host} is not reached by https`);
  const reach = await reachOf(target.hostname);
  if (reach !== 'public' && !allowPrivate) {
    throw refused(name, `${target.host} is in a private network; say "allow_private: true" if it is meant`);
  }
  if (reach === 'public' && target.protocol === 'http:') throw refused(name, `${target.host} is not reached by https`);
  return target;
}

function refused(name: string, reason: string): AutopilotError {
  return new AutopilotError('HA_CONFIG_INVALID', `${name}: ${reason}`, { next: 'correct its address' });
}

async function beginningOf(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_CHARACTERS) break;
  }
  return text;
}

/** Seconds, or an HTTP date. */
function retryAfter(value: string | null, now: Date): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - now.getTime();
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms)) : undefined;
}
