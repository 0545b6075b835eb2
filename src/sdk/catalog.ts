/** The kinds that there are, and the plugins that were found, as the rooms that need them see them. */
import type { Kind, KindName, Plugin } from '#sdk/contract.ts';
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

/** Keys that every instance of a kind has; a plugin's own configuration may not use them for something else. */
export const reservedKeys: { readonly [K in KindName]: readonly string[] } = {
  hypervisor: ['name', 'type', 'hosts', 'backup', 'update'],
  service: ['name', 'type', 'host', 'guest', 'heal', 'backup', 'update'],
  destination: ['name', 'type', 'backup', 'update'],
  notification: ['name', 'type', 'backup', 'update'],
  archive: ['name', 'type', 'backup', 'update'],
};
