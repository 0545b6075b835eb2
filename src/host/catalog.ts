/** The plugins of this process by kind and id. */

import type { PluginCatalog } from '#sdk/catalog.ts';
import { kinds } from '#sdk/catalog.ts';
import type { Kind, KindName, Plugin } from '#sdk/contract.ts';

export interface HostCatalog extends PluginCatalog {
  kind(name: KindName): Kind;
}

export interface LeftOut {
  kind: KindName;
  id: string;
  reason: string;
}

interface CatalogParts {
  known?: Record<KindName, Kind>;
  leftOut?: readonly LeftOut[];
}

/** Ids are unique within a kind: the first plugin with an id is the one that is found. */
export function createCatalog(
  plugins: readonly Plugin[],
  { known = kinds, leftOut = [] }: CatalogParts = {},
): HostCatalog {
  const byKey = new Map<string, Plugin>();
  for (const plugin of plugins.toReversed()) byKey.set(`${plugin.kind}/${plugin.id}`, plugin);
  return {
    find: (kind, id) => byKey.get(`${kind}/${id}`),
    ids: (kind) =>
      [...byKey.values()]
        .filter((plugin) => plugin.kind === kind)
        .map(({ id }) => id)
        .toSorted(),
    leftOut: (kind, id) => leftOut.find((one) => one.kind === kind && one.id === id)?.reason,
    kind: (name) => known[name],
  };
}
