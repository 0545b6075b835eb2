/** One request over http or https, with all that conditions may ask about: time, body, certificate, address. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { AutopilotError } from '#kernel/errors.ts';
import { withoutBrackets } from '#sdk/address.ts';
import { encrypt, type Trust } from '#sdk/probes/certificate.ts';
import { type Detour, type Goal, open, type Route } from '#sdk/probes/route.ts';
import type { Tools } from '#sdk/tools.ts';

/** As much of an answer is read. */
export const LARGEST_BODY = 1024 * 1024;

const MOST_REDIRECTIONS = 10;

export interface Ask {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body?: string | undefined;
  follow: boolean;
  trust: Trust;
  route?: Route | undefined;
  detour?: Detour | undefined;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  /** Until the head of the last answer was there. */
  responseTimeMs: number;
  body: string;
  cut: boolean;
  ip: string | undefined;
  expires: Date | undefined;
  /** A redirection that leads out of the copy that was asked: it was not followed. */
  ledAway: boolean;
}

/** Told as soon as the first connection stands, encrypted where that is asked for. */
export type OnConnect = () => void;

export async function exchange(tools: Pick<Tools, 'secret'>, first: Ask, onConnect: OnConnect): Promise<Answer> {
  const started = performance.now();
  let ask = first;
  for (let count = 0; ; count += 1) {
    const { socket, expires } = await connection(tools, ask);
    onConnect();
    try {
      const answer = await send(ask, socket);
      const target = ask.follow ? redirection(answer, ask.url) : undefined;
      const ledAway = target !== undefined && ask.detour !== undefined && ask.detour(goalOf(target)) === undefined;
      if (target === undefined || ledAway) {
        const responseTimeMs = Math.round(performance.now() - started);
        const ip = ask.route === undefined ? socket.remoteAddress : undefined;
        return { status: answer.statusCode ?? 0, responseTimeMs, ip, expires, ledAway, ...(await bodyOf(answer)) };
      }
      if (count === MOST_REDIRECTIONS) {
        throw new AutopilotError('HA_CHECK_FAILED', `redirected more than ${MOST_REDIRECTIONS} times`);
      }
      ask = redirected(ask, target, answer.statusCode ?? 0);
    } finally {
      socket.destroy();
    }
  }
}

async function connection(
  tools: Pick<Tools, 'secret'>,
  { url, route, detour, trust, signal }: Ask,
): Promise<{ socket: Socket; expires: Date | undefined }> {
  const goal = goalOf(url);
  const socket = await open(tools, goal, { route, detour, signal });
  if (url.protocol !== 'https:') return { socket, expires: undefined };
  return encrypt(socket, { host: goal.host, trust, signal });
}

/** The host and port of an http or https address. */
export function goalOf(url: URL): Goal {
  const usual = url.protocol === 'https:' ? 443 : 80;
  return { host: withoutBrackets(url.hostname), port: url.port === '' ? usual : Number(url.port) };
}

async function send({ url, method, headers, body, signal }: Ask, socket: Socket): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => socket,
      method,
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, 'user-agent': 'homelab-autopilot', accept: '*/*', connection: 'close', ...headers },
      signal,
    });
    asked.once('response', resolve);
    // Errors after the first one are of no interest, but must be caught.
    asked.on('error', reject);
    asked.end(body);
  });
}

function redirection({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return undefined;
  const target = URL.parse(headers.location, from.href);
  if (target !== null && /^https?:$/.test(target.protocol)) return target;
  throw new AutopilotError('HA_CHECK_FAILED', 'redirected to what is no http or https address');
}

function redirected(ask: Ask, url: URL, status: number): Ask {
  // What was meant for one server is not told to another.
  const headers = url.origin === ask.url.origin ? ask.headers : {};
  const becomesGet = status === 303 || (status < 303 && ask.method === 'POST');
  return { ...ask, url, headers, ...(becomesGet && ask.method !== 'HEAD' ? { method: 'GET', body: undefined } : {}) };
}

async function bodyOf(answer: IncomingMessage): Promise<{ body: string; cut: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > LARGEST_BODY) break;
  }
  const whole = Buffer.concat(chunks);
  return { body: whole.subarray(0, LARGEST_BODY).toString('utf8'), cut: size > LARGEST_BODY };
}
