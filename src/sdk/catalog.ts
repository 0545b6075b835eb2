/** The kinds that there are, and the plugins that were found, as the rooms that need them see them. */
import type { z } from 'zod';
import { type Kind, type KindName, type Plugin, pluginSections } from '#sdk/contract.ts';
import { archive } from '#sdk/kinds/archive.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import { notification } from '#sdk/kinds/notification.ts';
import { service } from '#sdk/kinds/service.ts';

export interface PluginCatalog {
  find(kind: KindName, id: string): Plugin | undefined;
  /** The ids of a kind's plugins, sorted. */
  ids(kind: KindName): string[];
  /** Where and why a plugin of this name was left out, if one was found. */
  leftOut(kind: KindName, id: string): string | undefined;
}

export const kinds: { readonly [K in KindName]: Kind } = { hypervisor, service, destination, notification, archive };

/** The kinds that users may add plugins to, by the folder in which these are found. */
export const pluginFolders = {
  hypervisors: 'hypervisor',
  services: 'service',
  destinations: 'destination',
  notifications: 'notification',
} as const satisfies Record<string, KindName>;

export type PluginFolder = keyof typeof pluginFolders;

/** Keys that every instance of a kind has, whatever its plugin; its schema in the configuration is a `CoreShape`. */
const coreKeys = {
  hypervisor: ['type', 'hosts'],
  service: ['name', 'type', 'host', 'depends_on', 'guest', 'monitor', 'heal'],
  destination: ['type'],
  notification: ['type'],
  archive: [],
} as const satisfies { readonly [K in KindName]: readonly string[] };

/** Exactly these keys, by the compiler: one more or one less in the schema is an error there. */
export type CoreShape<K extends KindName> = Record<(typeof coreKeys)[K][number], z.ZodType>;

/** Keys that a plugin's own configuration may not use for something else: it would never see what is written there. */
export function reservedKeys(kind: KindName): readonly string[] {
  return ['name', ...coreKeys[kind], ...pluginSections];
}
