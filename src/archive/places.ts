/** Where sets lie while they are made, and the names of the files that make a set. */
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { SET_ID } from '#sdk/kinds/destination.ts';

/** Files that exist only between capture and seal. */
export const WORK_FILES = {
  capture: 'capture.json',
  names: 'names',
  index: 'index',
  manifest: 'manifest.new',
  /** Of encrypted sets: what opens them until they are sealed, and their whole manifest before it is encrypted. */
  key: 'key',
  whole: 'manifest.whole',
  packed: 'manifest.packed',
} as const;

export interface StagingPlace {
  /** The sealed set. It exists only when it is whole. */
  sealed: string;
  /** The set while it is captured and sealed. */
  partial: string;
}

export function stagingRoot(stateDir: string): string {
  return join(stateDir, 'backups', 'staging');
}

export function stagingPlace(stateDir: string, set: string): StagingPlace {
  const id = checkedSetId(set);
  const sealed = join(stagingRoot(stateDir), id);
  return { sealed, partial: `${sealed}.partial` };
}

function checkedSetId(set: string): string {
  const parsed = SET_ID.safeParse(set);
  if (!parsed.success) throw new AutopilotError('HA_USAGE', `${JSON.stringify(set)} is not the id of a backup set`);
  return parsed.data;
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes what a run left in staging; whole or half, nothing of other sets. */
export async function removeStaging(place: StagingPlace): Promise<void> {
  // A removal that is cut short must not leave something that looks like a whole set.
  if (await exists(place.sealed)) {
    await rm(place.partial, { recursive: true, force: true });
    await rename(place.sealed, place.partial);
  }
  await rm(place.partial, { recursive: true, force: true });
}
