/** The HTTP API of Nginx Proxy Manager: whether it is well, and what it manages. It is only ever read. */

import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import { askLocal, httpPlace, type LocalAnswer, type LocalRequest } from '#sdk/local-http.ts';
import type { ManagerTools } from './config.ts';

const Health = z.object({
  status: z.string(),
  version: z.object({ major: z.int(), minor: z.int(), revision: z.int() }),
});

const Token = z.union([
  z.object({ token: z.string().min(1) }),
  // Answered with status 200, too.
  z.object({ requires_2fa: z.literal(true) }),
]);

const Refusal = z.object({ error: z.object({ message: z.string() }) });

const Host = z.object({
  domain_names: z.array(z.string()).default([]),
  /** Older versions tell 0 and 1. */
  enabled: z.union([z.boolean(), z.number()]).default(true),
});

const LISTS = {
  'proxy hosts': '/api/nginx/proxy-hosts',
  'redirection hosts': '/api/nginx/redirection-hosts',
  '404 hosts': '/api/nginx/dead-hosts',
  streams: '/api/nginx/streams',
  certificates: '/api/nginx/certificates',
} as const;

export type Counts = Record<keyof typeof LISTS, number>;

export interface Managed {
  counts: Counts;
  /** A name that it is to answer for; null when it has no enabled proxy host. */
  domain: string | null;
}

/** @returns its version. @throws AutopilotError when it does not answer, or when something else does. */
export async function healthOf(tools: ManagerTools): Promise<string> {
  const answer = await ask(tools, { path: '/api/' });
  const health = Health.safeParse(answer.status === 200 ? jsonIn(answer.body) : undefined);
  if (!health.success) {
    const message = `${tools.name}: ${tools.config.url} is not Nginx Proxy Manager (status ${answer.status})`;
    throw new AutopilotError('HA_CHECK_FAILED', message, { next: 'correct `url` of the service, or see its log' });
  }
  const { status, version } = health.data;
  if (status !== 'OK') throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: it says of itself: ${status}`);
  return `${version.major}.${version.minor}.${version.revision}`;
}

/** @returns undefined when no account is configured to ask with. */
export async function managedBy(tools: ManagerTools): Promise<Managed | undefined> {
  const token = await login(tools);
  if (token === undefined) return undefined;
  const lists: Partial<Counts> = {};
  let domain: string | null = null;
  for (const [what, path] of Object.entries(LISTS)) {
    const hosts = await listAt(tools, path, token);
    Object.assign(lists, { [what]: hosts.length });
    if (what === 'proxy hosts') domain = hosts.find(({ enabled }) => Boolean(enabled))?.domain_names[0] ?? null;
  }
  // Each of the lists was asked for above.
  return { counts: lists as Counts, domain };
}

async function listAt(tools: ManagerTools, path: string, token: string): Promise<z.output<typeof Host>[]> {
  const answer = await ask(tools, { path, headers: { authorization: `Bearer ${token}` } });
  const list = z.array(Host).safeParse(answer.status === 200 ? jsonIn(answer.body) : undefined);
  if (list.success) return list.data;
  const refused = answer.status === 401 || answer.status === 403;
  const message = `${tools.name}: ${path} answered with status ${answer.status}${told(answer)}`;
  throw new AutopilotError(refused ? 'HA_REMOTE_REFUSED' : 'HA_CHECK_FAILED', message, {
    next: refused ? 'give the account of `email` the right to see all hosts' : 'see its log',
  });
}

/** The token is kept in memory alone, for these few questions. */
async function login(tools: ManagerTools): Promise<string | undefined> {
  const { email, password } = tools.config;
  if (email === undefined && password === undefined) return undefined;
  if (email === undefined || password === undefined) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: email and password belong together`, {
      next: 'write both for the service, or neither',
    });
  }
  const body = JSON.stringify({ identity: email, secret: await tools.secret(password) });
  const headers = { 'content-type': 'application/json' };
  const answer = await ask(tools, { path: '/api/tokens', method: 'POST', headers, body });
  const token = Token.safeParse(answer.status === 200 ? jsonIn(answer.body) : undefined);
  if (token.success && 'token' in token.data) return token.data.token;
  if (token.success) {
    throw new AutopilotError('HA_REMOTE_REFUSED', `${tools.name}: the account ${email} has a second factor`, {
      next: 'use an account of its own without one, which may only view',
    });
  }
  const message = `${tools.name}: it refuses the account ${email} (status ${answer.status}${told(answer)})`;
  throw new AutopilotError('HA_REMOTE_REFUSED', message, { next: 'correct `email` and `password` of the service' });
}

/** What it answers for one of its hosts; undefined when nobody answers at the port. */
export async function answerFor(tools: ManagerTools, domain: string): Promise<number | undefined> {
  const { http_port: port } = tools.config;
  const who = `port ${port}`;
  try {
    const at = { host: '127.0.0.1', port };
    return (await askLocal(tools, { at, who, path: '/', headers: { host: domain } })).status;
  } catch (error) {
    tools.signal.throwIfAborted();
    if (error instanceof AutopilotError) return undefined;
    throw error;
  }
}

async function ask(tools: ManagerTools, asked: Omit<LocalRequest, 'at' | 'who'>): Promise<LocalAnswer> {
  const { url } = tools.config;
  return await askLocal(tools, { at: httpPlace(url), who: `${tools.name} at ${url}`, ...asked });
}

function told({ body }: LocalAnswer): string {
  const refusal = Refusal.safeParse(jsonIn(body));
  return refusal.success ? `: ${refusal.data.error.message.slice(0, 200)}` : '';
}
