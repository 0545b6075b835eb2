/** What is shown at the door of a registry: a password, or a token that another server gives for one repository. */
import { z } from 'zod';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import type { Challenge } from '#sdk/registry/challenge.ts';
import type { Credentials } from '#sdk/registry/credentials.ts';
import { send } from '#sdk/registry/http.ts';
import type { RateLimits } from '#sdk/registry/limits.ts';
import { readJson, refusal } from '#sdk/registry/refusal.ts';
import type { RegistryTools } from '#sdk/registry/settings.ts';

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
  const basic = credentials === null ? null : basicOf(credentials);
  if (challenge.scheme === 'basic') return basic;
  return `Bearer ${await token(ports, { challenge, basic, entrance, repository })}`;
}

const Token = z
  .object({ token: z.string().min(1).optional(), access_token: z.string().min(1).optional() })
  .transform(({ token, access_token: other }) => token ?? other);

async function token(
  ports: TokenPorts,
  {
    challenge,
    basic,
    entrance,
    repository,
  }: { challenge: Challenge & { scheme: 'bearer' }; basic: string | null; entrance: Entrance; repository: string },
): Promise<string> {
  const { registry } = ports;
  const url = new URL(challenge.realm);
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || entrance.base.protocol !== 'http:')) {
    throw new RegistryFailure('bad_answer', `${registry} sends us for a token to ${url.host}, without encryption`);
  }
  if (challenge.service !== null) url.searchParams.set('service', challenge.service);
  url.searchParams.set('scope', `repository:${repository}:pull`);
  const heard = await send(ports.tools, { url, headers: basic === null ? {} : { authorization: basic } });
  ports.limits.note(heard, ports.tools.now());
  if (heard.status !== 200)
    throw refusal(heard, {
      registry,
      repository,
      credentials: entrance.credentials,
      waitMs: ports.limits.waitMs(ports.tools.now()),
    });
  const given = Token.safeParse(readJson(heard));
  if (given.data !== undefined) return given.data;
  throw new RegistryFailure('bad_answer', `${url.host} gave no token for ${registry}/${repository}`);
}

function basicOf({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
