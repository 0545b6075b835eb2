/** Asks a server by HTTPS that is known by its certificate's fingerprint or its authority, before anything is sent to it. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { z } from 'zod';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { withoutBrackets } from '#sdk/address.ts';
import type { Tools } from '#sdk/tools.ts';

/** By what a server is known: a pinned certificate, else an authority (PEM), else the authorities of the system. */
export interface Trust {
  /** SHA-256 of the certificate, as `AA:BB:…`. It counts alone: also when the certificate has expired. */
  fingerprint?: string | undefined;
  ca?: string | undefined;
}

export interface HttpsCall {
  method: string;
  url: URL;
  /** Made after the server is known, so that a secret in them is not even asked for before. */
  headers: () => Promise<Record<string, string>>;
  body?: string | undefined;
  timeoutMs: number;
  trust: Trust;
}

/** `lost`: there was no whole answer; what was asked for may have happened. */
export type HttpsAnswer =
  | { kind: 'answer'; status: number; reason: string; text: string; headers: IncomingHttpHeaders }
  | { kind: 'lost'; reason: string };

/** No answer that we ask for comes near this; one that does would fill the memory. */
const LARGEST_ANSWER = 32 << 20;

const FINGERPRINT = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/i;

export function isFingerprint(value: string): boolean {
  return FINGERPRINT.test(value);
}

/** What users write, as most programs show it. */
export const FingerprintText = z.string().refine(isFingerprint, 'is 32 pairs of hexadecimal digits with ":" between');

/** For a configuration that has both keys: `.refine(...ONE_TRUST)`. */
export const ONE_TRUST: [(written: Omit<WrittenTrust, 'next'>) => boolean, { path: string[]; message: string }] = [
  ({ fingerprint, ca_file: ca }) => fingerprint === undefined || ca === undefined,
  { path: ['ca_file'], message: 'write either fingerprint or ca_file' },
];

export interface WrittenTrust {
  fingerprint?: string | undefined;
  ca_file?: string | undefined;
  /** Where the file comes from, for whoever does not have it. */
  next: string;
}

/** What a configuration says of a server. @throws AutopilotError HA_CONFIG_INVALID when the file cannot be read. */
export async function trustOf(
  { name }: Pick<Tools, 'name'>,
  { fingerprint, ca_file: file, next }: WrittenTrust,
): Promise<Trust> {
  if (file === undefined) return { fingerprint };
  try {
    return { ca: await readFile(file, 'utf8') };
  } catch (cause) {
    const message = `${name}: ${file} cannot be read: ${errorText(cause)}`;
    throw new AutopilotError('HA_CONFIG_INVALID', message, { cause, next });
  }
}

/** @throws AutopilotError HA_REMOTE_REFUSED when it is not the server that is meant. Nothing was sent to it then. */
export async function askPinned(tools: Pick<Tools, 'name' | 'signal'>, call: HttpsCall): Promise<HttpsAnswer> {
  const step = tools.signal;
  step.throwIfAborted();
  const signal = AbortSignal.any([step, AbortSignal.timeout(call.timeoutMs)]);
  let socket: TLSSocket | undefined;
  try {
    socket = await known(tools, call, signal);
    const headers = await call.headers();
    // A fence may have closed while the server was looked at: nothing is sent after that.
    tools.signal.throwIfAborted();
    return await sent(call, { socket, headers, signal });
  } catch (error) {
    step.throwIfAborted();
    if (error instanceof AutopilotError) throw error;
    return { kind: 'lost', reason: reasonOf(error, call) };
  } finally {
    socket?.destroy();
  }
}

async function known(
  { name }: Pick<Tools, 'name'>,
  { url, trust }: HttpsCall,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { fingerprint, ca } = trust;
  const host = withoutBrackets(url.hostname);
  const socket = connect({
    host,
    port: Number(url.port || 443),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    // The comparison below takes the place of the authority's word.
    rejectUnauthorized: fingerprint === undefined,
  });
  try {
    await once(socket, 'secureConnect', { signal });
  } catch (error) {
    socket.destroy();
    throw (isOfCertificate(error) && distrusted(name, url, error)) || error;
  }
  const shown = socket.getPeerCertificate().fingerprint256;
  if (fingerprint === undefined || shown === fingerprint.toUpperCase()) return socket;
  socket.destroy();
  throw new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${name}: ${url.host} is not the pinned server: its certificate is ${shown}, pinned is ${fingerprint.toUpperCase()}`,
    { next: 'nothing was sent there; only if you know why the certificate changed, correct fingerprint' },
  );
}

function isOfCertificate(error: unknown): boolean {
  return /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY/.test(systemCode(error) ?? '');
}

function distrusted(name: string, url: URL, cause: unknown): AutopilotError {
  const remedy = /^CERT_(?:NOT_YET_VALID|HAS_EXPIRED)$/.test(systemCode(cause) ?? '')
    ? 'see whether the clocks of both machines are right; if they are, renew the certificate'
    : 'give its fingerprint or the authority that signed it, or renew it';
  return new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${name}: the certificate of ${url.host} is not trusted: ${errorText(cause)}`,
    { cause, next: `nothing was sent there; ${remedy}` },
  );
}

interface Sending {
  socket: TLSSocket;
  headers: Record<string, string>;
  signal: AbortSignal;
}

async function sent({ method, url, body }: HttpsCall, { socket, headers, signal }: Sending): Promise<HttpsAnswer> {
  const asked = request({
    method,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, connection: 'close', ...headers },
    createConnection: () => socket,
    signal,
  });
  const answered = Promise.withResolvers<HttpsAnswer>();
  // It stays for as long as the socket lives: an error without a listener would end the process.
  asked.on('error', answered.reject);
  asked.on('response', (response) => {
    const { statusCode: status = 0, statusMessage: reason = '', headers } = response;
    textOf(response).then(
      (whole) => answered.resolve({ kind: 'answer', status, reason, text: whole, headers }),
      (error: unknown) => answered.reject(error as Error),
    );
  });
  asked.end(body);
  return await answered.promise;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Whether what was asked for has happened is as unknown as without an answer.
    if (length > LARGEST_ANSWER) throw new Error(`its answer is longer than ${LARGEST_ANSWER >> 20} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function reasonOf(error: unknown, { timeoutMs }: HttpsCall): string {
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
    return `no answer within ${timeoutMs / 1000} s`;
  }
  return errorText(error) || (systemCode(error) ?? 'the connection broke');
}
