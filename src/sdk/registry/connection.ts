/** One registry: how it is reached, who we are there, and how fast it may be asked. */
import { pause } from '#kernel/wait.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import { parseChallenge } from '#sdk/registry/challenge.ts';
import type { Gate } from '#sdk/registry/gate.ts';
import { type Heard, send } from '#sdk/registry/http.ts';
import type { RateLimits } from '#sdk/registry/limits.ts';
import { refusal, tooMany } from '#sdk/registry/refusal.ts';
import type { Credentials, RegistryTools } from '#sdk/registry/settings.ts';
import { authorization, type Entrance } from '#sdk/registry/token.ts';

export interface RegistryAsk {
  /** `/v2/…`, with its query. */
  path: string;
  repository: string;
  method?: 'GET' | 'HEAD';
  headers?: Record<string, string>;
}

export interface Connection {
  /** The answer, unless it is one that says no. @throws RegistryFailure */
  ask(ask: RegistryAsk): Promise<Heard>;
}

export interface ConnectionPorts {
  tools: RegistryTools;
  registry: string;
  insecure: boolean | undefined;
  credentials(): Promise<Credentials | null>;
  limits: RateLimits;
  gate: Gate;
}

/** A pause that a registry asks for and that is no longer than this is waited out (milliseconds). */
const SHORT_WAIT_MS = 3_000;

export function openConnection(ports: ConnectionPorts): Connection {
  const { tools, gate, limits } = ports;
  // Asked once: a registry that is away costs one time limit, and not one for each image.
  let entrance: Promise<Entrance> | undefined;
  const passes = new Map<string, Promise<string | null>>();

  async function ask({ path, repository, method = 'GET', headers = {} }: RegistryAsk): Promise<Heard> {
    const found = await (entrance ??= enter(ports).catch((error: unknown) => {
      if (isPassing(error)) entrance = undefined;
      throw error;
    }));
    const pass = await passFor(found, repository);
    const heard = await polite(ports, {
      url: new URL(path, found.base),
      method,
      headers: { ...headers, ...(pass === null ? {} : { authorization: pass }) },
    });
    if (heard.status < 400) return heard;
    throw refusal(heard, {
      registry: ports.registry,
      repository,
      credentials: found.credentials,
      waitMs: limits.waitMs(tools.now()),
    });
  }

  function passFor(found: Entrance, repository: string): Promise<string | null> {
    const key = found.challenge?.scheme === 'bearer' ? repository : '';
    const known = passes.get(key);
    if (known !== undefined) return known;
    const asked = authorization(ports, found, repository).catch((error: unknown) => {
      if (isPassing(error)) passes.delete(key);
      throw error;
    });
    passes.set(key, asked);
    return asked;
  }

  return { ask: (one) => gate(() => retried(() => ask(one), { tools, limits })) };
}

/** A short pause that the registry asked for is kept, once. */
async function retried(ask: () => Promise<Heard>, { tools, limits }: Pick<ConnectionPorts, 'tools' | 'limits'>) {
  try {
    return await ask();
  } catch (error) {
    if (!isPassing(error) || limits.waitMs(tools.now()) > SHORT_WAIT_MS) throw error;
    return ask();
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof RegistryFailure && error.reason === 'rate_limited';
}

async function polite(
  { tools, limits, registry }: ConnectionPorts,
  ask: { url: URL; method: 'GET' | 'HEAD'; headers: Record<string, string> },
): Promise<Heard> {
  const wait = limits.waitMs(tools.now());
  if (wait > SHORT_WAIT_MS) throw tooMany(registry, wait);
  if (wait > 0) await pause(wait, tools.signal);
  const heard = await send(tools, ask);
  limits.note(heard, tools.now());
  return heard;
}

/** Finds out whether the registry speaks https, and what it asks for. @throws RegistryFailure */
async function enter(ports: ConnectionPorts): Promise<Entrance> {
  const { base, heard } = await reach(ports);
  // Nobody is asked for them, least of all a helper, before the registry wants to know.
  const credentials = heard.status === 401 || heard.status === 403 ? await ports.credentials() : null;
  if (heard.status === 401) {
    const challenge = parseChallenge(heard.headers.get('www-authenticate'));
    if (challenge === null) {
      throw new RegistryFailure('unauthorized', `${ports.registry} asks for credentials in a way that is not known`);
    }
    return { base, challenge, credentials };
  }
  if (heard.status === 200) return { base, challenge: null, credentials: null };
  throw refusal(heard, {
    registry: ports.registry,
    repository: '',
    credentials,
    waitMs: ports.limits.waitMs(ports.tools.now()),
  });
}

/** Docker Hub's images have one name, and its registry another. */
const HUB = 'registry-1.docker.io';

async function reach(ports: ConnectionPorts): Promise<{ base: URL; heard: Heard }> {
  const { registry, insecure } = ports;
  const host = registry === 'docker.io' ? HUB : registry;
  const ping = async (scheme: 'http' | 'https') => {
    const base = new URL(`${scheme}://${host}/`);
    return { base, heard: await polite(ports, { url: new URL('/v2/', base), method: 'GET', headers: {} }) };
  };
  if (insecure !== undefined) return ping(insecure ? 'http' : 'https');
  if (!isLoopback(new URL(`https://${host}`).hostname)) return ping('https');
  const plain = await ping('http');
  // That is how a server that speaks TLS answers one that does not.
  return plain.heard.status === 400 ? ping('https') : plain;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
