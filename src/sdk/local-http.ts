/** One HTTP request to a program on this machine, also through a socket file, with the trailers that `fetch` does not tell. */
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request } from 'node:http';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { withoutBrackets } from '#sdk/address.ts';
import type { Tools } from '#sdk/tools.ts';

export interface LocalRequest {
  /** Where it is asked: `{ host, port }` or `{ socket }`. */
  at: { host: string; port: number } | { socket: string };
  /** In words, for errors: `Caddy’s admin API at localhost:2019`. */
  who: string;
  path: string;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  timeoutMs?: number;
}

export interface LocalAnswer {
  status: number;
  /** Headers and trailers by their names in small letters. */
  headers: ReadonlyMap<string, string>;
  body: string;
}

const LIMIT_MS = 15_000;
const LARGEST = 64 << 20;

/** @throws AutopilotError HA_REMOTE_UNREACHABLE when nobody answers, HA_BAD_OUTPUT for an answer that is too long. */
export async function askLocal(tools: Pick<Tools, 'signal'>, asked: LocalRequest): Promise<LocalAnswer> {
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(asked.timeoutMs ?? LIMIT_MS)]);
  try {
    const response = await send(asked, signal);
    const body = await bodyOf(response, asked.who);
    const named = Object.entries({ ...response.headers, ...response.trailers });
    const headers = new Map(named.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
    return { status: response.statusCode ?? 0, headers, body };
  } catch (error) {
    tools.signal.throwIfAborted();
    if (error instanceof AutopilotError) throw error;
    throw new AutopilotError('HA_REMOTE_UNREACHABLE', `${asked.who} does not answer (${reasonOf(error, signal)})`, {
      cause: error,
    });
  }
}

/** Where a URL of this machine leads. */
export function httpPlace(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: withoutBrackets(hostname), port: port === '' ? 80 : Number(port) };
}

/** Whether nothing at all listens there, as against something that answers badly. */
export function isNobodyThere(error: unknown): boolean {
  return error instanceof AutopilotError && ['ECONNREFUSED', 'ENOENT'].includes(systemCode(error.cause) ?? '');
}

async function send({ at, path, method = 'GET', headers = {}, body }: LocalRequest, signal: AbortSignal) {
  // A socket file has no name; servers that look at the name take an empty one for "on this machine".
  const place: RequestOptions =
    'socket' in at ? { socketPath: at.socket, setHost: false, headers: { ...headers, host: '' } } : { ...at, headers };
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request({ ...place, path, method, signal, agent: false }, resolve);
    asking.once('error', reject);
    asking.end(body);
  });
}

async function bodyOf(response: AsyncIterable<Buffer>, who: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > LARGEST)
      throw new AutopilotError('HA_BAD_OUTPUT', `the answer of ${who} is longer than ${LARGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  // A name with several addresses fails with one error for each of them, and an empty message.
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ');
  return errorText(error);
}
