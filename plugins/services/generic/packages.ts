/** A program that came as packages of the system: which they are, and which versions are installed. */
import { AutopilotError } from '#kernel/errors.ts';
import { type AptPlace, Versions } from '#sdk/apt/names.ts';
import { installedVersions } from '#sdk/apt/packages.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Release } from '#sdk/kinds/service.ts';
import type { GenericTools } from './config.ts';

/** @returns undefined for a program that is not updated by apt. */
export function aptPlace({ config: { update } }: GenericTools): AptPlace | undefined {
  const { apt, timeout } = update;
  return apt === undefined ? undefined : { ...apt, timeoutMs: milliseconds(timeout) };
}

/** Empty for a program that is not updated by apt. */
export async function packagesOf(tools: GenericTools): Promise<Versions> {
  const place = aptPlace(tools);
  return place === undefined ? {} : await installedVersions(tools, place);
}

/** What comes back out of a backup set is checked as if it came from anywhere. */
export function packagesIn({ name }: GenericTools, { detail }: Release): Versions {
  const packages = Versions.safeParse(detail['packages'] ?? {});
  if (packages.success) return packages.data;
  throw new AutopilotError('HA_SET_CORRUPT', `${name}: the restore point names packages that are none`, {
    next: 'roll back to another one',
  });
}
