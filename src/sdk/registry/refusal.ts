/** What an answer of a registry means that does not hold what was asked for. */
import { jsonIn } from '#kernel/json.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import type { Heard } from '#sdk/registry/http.ts';
import type { Credentials } from '#sdk/registry/settings.ts';

interface About {
  registry: string;
  /** Empty for the registry as a whole. */
  repository: string;
  credentials: Credentials | null;
  /** How long it wants to be left alone. */
  waitMs: number;
}

export function refusal({ status }: Pick<Heard, 'status'>, about: About): RegistryFailure {
  const { registry, repository, credentials } = about;
  const what = repository === '' ? registry : `${registry}/${repository}`;
  if (status === 401 || status === 403)
    return new RegistryFailure('unauthorized', `${what}: ${noEntry(status, credentials)}`);
  if (status === 404) return new RegistryFailure('missing', `${what} does not have it (404)`);
  if (status === 429) return tooMany(registry, about.waitMs);
  if (status >= 500 && status !== 501) return new RegistryFailure('unreachable', `${registry} answered ${status}`);
  return new RegistryFailure('bad_answer', `${registry} answered ${status}`);
}

export function tooMany(registry: string, waitMs: number): RegistryFailure {
  const seconds = Math.ceil(waitMs / 1_000);
  return new RegistryFailure('rate_limited', `${registry} takes no more requests for ${seconds} s (429)`);
}

/** @returns undefined when it is not JSON. */
export function readJson({ body }: Pick<Heard, 'body'>): unknown {
  return jsonIn(body.toString('utf8'));
}

/** Docker Hub says the same of an image that does not exist. */
function noEntry(status: number, credentials: Credentials | null): string {
  if (credentials !== null) {
    const who = credentials.kind === 'token' ? 'the token of identity' : `the credentials of ${credentials.username}`;
    return `${who} (from ${credentials.from}) ${credentials.kind === 'token' ? 'is' : 'are'} not enough (${status})`;
  }
  return `it does not exist, or asks for credentials (${status}); they go under  updates.registries`;
}
