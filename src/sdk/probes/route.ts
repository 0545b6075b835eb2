/** The way outside: connections that leave the homelab, and come to it as a stranger's would. */

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { SocksClient } from 'socks';
import { z } from 'zod';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { hasCredentials, withoutBrackets } from '#sdk/address.ts';
import { type SecretRef, secret } from '#sdk/secret.ts';

const SCHEMES = new Set(['socks5h:', 'socks5:', 'http:']);

/** A proxy that stands outside, or whose far end does: `ssh -D` to a rented server, Tor, an HTTP proxy. */
export const Route = z
  .strictObject({
    proxy: z
      .string()
      .refine(isProxy, 'not a proxy: write it as socks5h://host:port, socks5://host:port or http://host:port')
      .refine((text) => !hasCredentials(text), 'credentials do not belong here; give them as username and password')
      .describe('socks5h://host:port (the proxy finds names, too), socks5://host:port or http://host:port'),
    username: z.string().min(1).optional().describe('Who we are there'),
    password: secret().optional().describe('The password of the user'),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    message: 'username and password belong together',
  });
export type Route = z.output<typeof Route>;

export interface Goal {
  host: string;
  port: number;
}

/** Where to go instead of where it is written: to a copy. @returns undefined for what the copy does not have. */
export type Detour = (goal: Goal) => Goal | undefined;

interface RouteTools {
  secret(ref: SecretRef): Promise<string>;
}

/**
 * A connection to the goal, straight or through a proxy.
 * @throws HA_REMOTE_UNREACHABLE when it is the proxy that does not do its part.
 */
export async function open(
  tools: RouteTools,
  goal: Goal,
  { route, detour, signal }: { route?: Route | undefined; detour?: Detour | undefined; signal: AbortSignal },
): Promise<Socket> {
  if (detour !== undefined) return straight(detour(goal) ?? nowhere(goal), signal);
  if (route === undefined) return straight(goal, signal);
  const proxy = new URL(route.proxy);
  const socket = await straight(goalOf(proxy), signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new AutopilotError(
      'HA_REMOTE_UNREACHABLE',
      `the way outside ${route.proxy} is closed: ${connectError(cause)}`,
      {
        cause,
      },
    );
  });
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort);
  try {
    const password = route.password === undefined ? undefined : await tools.secret(route.password);
    const user = route.username === undefined ? undefined : { name: route.username, password: password ?? '' };
    return await (proxy.protocol === 'http:'
      ? tunnel(socket, goal, user)
      : socks(socket, { goal, proxy, user, signal }));
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    const message = `the way outside ${route.proxy} does not lead to ${goal.host}:${goal.port}: ${errorText(cause)}`;
    throw new AutopilotError('HA_REMOTE_UNREACHABLE', message, { cause });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What kept a connection from being made, in few words. */
export function connectError(error: unknown): string {
  // A name with several addresses fails with one error for each of them, and an empty message.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const words: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'there is no machine of this name',
    EAI_AGAIN: 'the name cannot be resolved now',
    EHOSTUNREACH: 'no way to this machine',
    ENETUNREACH: 'no way to this network',
    ECONNRESET: 'the connection was cut',
  };
  return words[systemCode(first) ?? ''] ?? errorText(first);
}

function nowhere({ host, port }: Goal): never {
  throw new AutopilotError('HA_REMOTE_UNREACHABLE', `the copy has nothing at ${host}:${port}`);
}

interface User {
  name: string;
  password: string;
}

async function straight({ host, port }: Goal, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    // A reset that comes later is of no interest, but must be caught.
    socket.on('error', () => undefined);
    socket.destroy();
    throw error;
  }
}

async function socks(
  socket: Socket,
  { goal, proxy, user, signal }: { goal: Goal; proxy: URL; user: User | undefined; signal: AbortSignal },
): Promise<Socket> {
  const host = proxy.protocol === 'socks5h:' || isIP(goal.host) !== 0 ? goal.host : (await lookup(goal.host)).address;
  signal.throwIfAborted();
  const credentials = user === undefined ? {} : { userId: user.name, password: user.password };
  const { host: proxyHost, port } = goalOf(proxy);
  const { socket: through } = await SocksClient.createConnection({
    proxy: { host: proxyHost, port, type: 5, ...credentials },
    command: 'connect',
    destination: { host, port: goal.port },
    existing_socket: socket,
    // Ours ends it long before.
    timeout: 600_000,
  });
  return through;
}

async function tunnel(socket: Socket, { host, port }: Goal, user: User | undefined): Promise<Socket> {
  const path = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const pass = user === undefined ? undefined : Buffer.from(`${user.name}:${user.password}`).toString('base64');
  const headers = { host: path, ...(pass === undefined ? {} : { 'proxy-authorization': `Basic ${pass}` }) };
  const asked = request({ createConnection: () => socket, method: 'CONNECT', path, headers });
  asked.end();
  const [answer, through] = await new Promise<[IncomingMessage, Socket]>((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', (response) => resolve([response, socket]));
    asked.once('connect', (response, made) => resolve([response, made]));
  });
  if (answer.statusCode === 200) return through;
  throw new Error(`the proxy answered ${answer.statusCode}`);
}

function goalOf(proxy: URL): Goal {
  const port = proxy.port === '' ? (proxy.protocol === 'http:' ? 80 : 1080) : Number(proxy.port);
  return { host: withoutBrackets(proxy.hostname), port };
}

function isProxy(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && SCHEMES.has(url.protocol) && url.hostname !== '' && /^\/?$/.test(url.pathname);
}
