/** What is shown at the door of a registry: a password, or a token that another server gives for one repository. */
import { z } from 'zod';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import type { Challenge } from '#sdk/registry/challenge.ts';
import { type Ask, send } from '#sdk/registry/http.ts';
import type { RateLimits } from '#sdk/registry/limits.ts';
import { readJson, refusal } from '#sdk/registry/refusal.ts';
import type { Credentials, RegistryTools } from '#sdk/registry/settings.ts';

export interface Entrance {
  base: URL;
  /** Null: everybody may come in. */
  challenge: Challenge | null;
  credentials: Credentials | null;
}

export interface TokenPorts {
  tools: RegistryTools;
  registry: string;
  limits: RateLimits;
}

/** @returns the value of the header, or null when there is nothing to show. @throws RegistryFailure */
export async function authorization(ports: TokenPorts, entrance: Entrance, repository: string): Promise<string | null> {
  const { challenge, credentials } = entrance;
  if (challenge === null) return null;
  if (challenge.scheme === 'bearer') return `Bearer ${await token(ports, { challenge, entrance, repository })}`;
  if (credentials?.kind !== 'token') return basicOf(credentials);
  const message = `${ports.registry} wants a password, and ${credentials.from} has a token of identity`;
  throw new RegistryFailure('unsupported', `${message}; name username and password under  updates.registries`);
}

const Token = z
  .object({ token: z.string().min(1).optional(), access_token: z.string().min(1).optional() })
  .transform(({ token, access_token: other }) => token ?? other);

interface TokenWish {
  challenge: Challenge & { scheme: 'bearer' };
  entrance: Entrance;
  repository: string;
}

async function token(ports: TokenPorts, wish: TokenWish): Promise<string> {
  const { registry } = ports;
  const { challenge, entrance, repository } = wish;
  const { credentials } = entrance;
  const url = new URL(challenge.realm);
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || entrance.base.protocol !== 'http:')) {
    throw new RegistryFailure('bad_answer', `${registry} sends us for a token to ${url.host}, without encryption`);
  }
  const heard = await send(ports.tools, askFor(url, wish));
  ports.limits.note(heard, ports.tools.now());
  if (heard.status !== 200)
    throw refusal(heard, { registry, repository, credentials, waitMs: ports.limits.waitMs(ports.tools.now()) });
  const given = Token.safeParse(readJson(heard));
  if (given.data !== undefined) return given.data;
  throw new RegistryFailure('bad_answer', `${url.host} gave no token for ${registry}/${repository}`);
}

/** A password is shown in a header; a token of identity is exchanged, as OAuth 2 has it for one that refreshes. */
function askFor(url: URL, { challenge, entrance: { credentials }, repository }: TokenWish): Ask {
  const about = {
    ...(challenge.service === null ? {} : { service: challenge.service }),
    scope: `repository:${repository}:pull`,
  };
  if (credentials?.kind === 'token') {
    const form = { grant_type: 'refresh_token', client_id: CLIENT, refresh_token: credentials.token, ...about };
    return { url, form };
  }
  for (const [name, value] of Object.entries(about)) url.searchParams.set(name, value);
  const basic = basicOf(credentials);
  return { url, headers: basic === null ? {} : { authorization: basic } };
}

/** Who asks, for the books of whoever gives tokens. */
const CLIENT = 'homelab-autopilot';

function basicOf(credentials: Credentials | null): string | null {
  if (credentials?.kind !== 'password') return null;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}
