/** What the version check gets handed in by a step, for tests of it alone. */

import type { RegistryTools } from '#sdk/registry/settings.ts';
import type { SecretRef } from '#sdk/secret.ts';

export interface CountingTools extends RegistryTools {
  /** `HEAD /v2/shop/web/manifests/1.0`, in the order in which they were sent. */
  sent: string[];
  /** How many were on their way at the same time, at most. */
  mostAtOnce(): number;
}

export function registryTools({
  secrets = {},
  signal = new AbortController().signal,
  fetch = globalThis.fetch,
}: {
  /** By their path in the configuration. */
  secrets?: Record<string, string>;
  signal?: AbortSignal;
  /** Instead of the real one: for registries that are not on this machine. */
  fetch?: (url: URL, init?: RequestInit) => Promise<Response>;
} = {}): CountingTools {
  const sent: string[] = [];
  let open = 0;
  let most = 0;
  return {
    sent,
    mostAtOnce: () => most,
    signal,
    now: () => new Date(),
    mask: () => undefined,
    async exec([program]) {
      throw new Error(`${program} was started, and no program has to be`);
    },
    async fetch(input, init) {
      const url = new URL(input instanceof Request ? input.url : input);
      const { pathname, search } = url;
      sent.push(`${init?.method ?? 'GET'} ${pathname}${search}`);
      most = Math.max(most, ++open);
      try {
        return await fetch(url, init);
      } finally {
        open--;
      }
    },
    async secret(ref) {
      const value = secrets[ref.$secret.path];
      if (value === undefined) throw new Error(`no secret ${ref.$secret.path}`);
      return value;
    },
  };
}

export function secretAt(path: string): SecretRef {
  return { $secret: { path, source: { from: 'configuration' } } };
}
