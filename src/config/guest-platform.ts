/** What a service asks of the platform of its guest, and whether that can do it. */
import { addError } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { HypervisorConfig } from '#config/types.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import type { Plugin } from '#sdk/contract.ts';

/** As a service writes it. */
export interface NamedGuest {
  hypervisor: string;
  id: string | number;
}

export interface GuestSurroundings {
  catalog: PluginCatalog;
  /** Those that are right, by name. */
  hypervisorsByName: ReadonlyMap<string, HypervisorConfig>;
  section: Section;
}

/** The hypervisor of the guest. */
export interface Platform {
  plugin: Plugin;
  config: HypervisorConfig['config'];
}

interface Asked<R> extends GuestSurroundings {
  /** Where the rules stand in the section. */
  path: string[];
  problemOf(rules: R, guest: NamedGuest, platform: Platform): string | undefined;
}

/** @returns the rules; null when they cannot be had, which is an error where the service has written them itself. */
export function possibleOnGuest<R>(rules: R | null, guest: NamedGuest | undefined, asked: Asked<R>): R | null {
  if (rules === null) return null;
  const message = problemWith(rules, guest, asked);
  if (message === undefined) return rules;
  const { section, path } = asked;
  const { at, found } = locate(section.node, path);
  if (found) addError(section.report, { at, path: fullPath({ section, path }), message });
  return null;
}

function problemWith<R>(
  rules: R,
  guest: NamedGuest | undefined,
  { catalog, hypervisorsByName, problemOf }: Asked<R>,
): string | undefined {
  if (guest === undefined) return 'the service names no guest: write  guest: { hypervisor: NAME, id: ID }  to it';
  const found = hypervisorsByName.get(guest.hypervisor);
  const plugin = found === undefined ? undefined : catalog.find('hypervisor', found.type);
  // A hypervisor that is unknown, or wrong, is told where it is.
  if (found === undefined || plugin === undefined) return undefined;
  return problemOf(rules, guest, { plugin, config: found.config });
}
