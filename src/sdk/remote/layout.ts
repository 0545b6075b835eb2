/** How sets lie at a remote place, and what of it is surely ours. */
import { AutopilotError } from '#kernel/errors.ts';
import { SET_ID } from '#sdk/kinds/destination.ts';
import type { RemoteFiles, RemoteReading } from '#sdk/remote/files.ts';
import {
  ANNOTATIONS_FILE,
  Annotations,
  isPathComponent,
  isSetPart,
  MAX_HEADER_BYTES,
  NO_ANNOTATIONS,
  parseSetHeader,
  SET_FILES,
  type SetHeader,
} from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** Where an action reads. */
export interface ReadingPlace {
  tools: Tools;
  files: RemoteReading;
}

/** Where an action works. */
export interface RemotePlace extends ReadingPlace {
  files: RemoteFiles;
}

export interface Which {
  service: string;
  set: string;
}

export interface RemoteFolders {
  /** `<service>` */
  parent: string;
  whole: string;
  /** While it is copied, and again while it is removed. */
  partial: string;
  /** An earlier copy of the same set, until the new one has its name. */
  replaced: string;
}

export const PARTIAL_PREFIX = '.partial-';

const HEAD_BYTES = 64 << 10;
const MAX_ANNOTATIONS_BYTES = 64 << 10;

/** All that we ever write into the folder of a set, and so all that we ever remove from it. */
function isOurs(name: string): boolean {
  return isSetPart(name) || name === ANNOTATIONS_FILE || name === `${ANNOTATIONS_FILE}.new`;
}

export function foldersOf({ service, set }: Which): RemoteFolders {
  const id = SET_ID.parse(set);
  const parent = checkedName(service);
  return {
    parent,
    whole: `${parent}/${id}`,
    partial: `${parent}/${PARTIAL_PREFIX}${id}`,
    replaced: `${parent}/.replaced-${id}`,
  };
}

export function checkedName(service: string): string {
  if (isPathComponent(service)) return service;
  throw new AutopilotError('HA_USAGE', `${JSON.stringify(service)} cannot be the name of a directory`);
}

/** The head of the manifest in a folder; undefined when there is none. Fails with HA_SET_CORRUPT. */
export async function headerIn(files: RemoteReading, folder: string): Promise<SetHeader | undefined> {
  for (let bytes = HEAD_BYTES; ; bytes *= 8) {
    const head = await files.head(`${folder}/${SET_FILES.manifest}`, bytes);
    if (head === undefined) return undefined;
    const header = parseSetHeader(head.toString());
    if (header !== undefined) return header;
    if (head.length < bytes || bytes > MAX_HEADER_BYTES) {
      throw new AutopilotError('HA_SET_CORRUPT', 'its manifest has no index');
    }
  }
}

/** Whether a folder is this set of this service; a set of ours with a damaged manifest still counts as ours. */
export async function holdsOurs(files: RemoteFiles, folder: string, { service, set }: Which): Promise<boolean> {
  try {
    const header = await headerIn(files, folder);
    return header?.service === service && header.set === set;
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT') return true;
    throw error;
  }
}

export async function requireSet(
  { tools, files }: ReadingPlace,
  which: Which,
): Promise<{ whole: string; header: SetHeader }> {
  const { whole } = foldersOf(which);
  const header = await headerIn(files, whole);
  if (header?.service === which.service && header.set === which.set) return { whole, header };
  throw new AutopilotError('HA_NOT_FOUND', `${tools.name} has no set ${which.set} of ${which.service}`, {
    next: `list what is there with  homelab-autopilot backups ${which.service} --destination ${tools.name}`,
  });
}

/** A note that cannot be read counts as none: it can only make a copy look less trusted than it is. */
export async function readAnnotations(files: RemoteFiles, folder: string): Promise<Annotations> {
  const text = await files.head(`${folder}/${ANNOTATIONS_FILE}`, MAX_ANNOTATIONS_BYTES);
  if (text === undefined) return NO_ANNOTATIONS;
  try {
    return Annotations.parse(JSON.parse(text.toString()));
  } catch {
    return NO_ANNOTATIONS;
  }
}

/** Removes our files from a folder and then the folder. What others put there stays, and with it the folder. */
export async function removeOurs({ tools, files }: RemotePlace, folder: string): Promise<boolean> {
  const there = await files.list(folder, 1);
  const ours = there.map(({ path }) => path).filter(isOurs);
  // The manifest goes first: what is left of a removal that is cut short is no set any more.
  for (const name of ours.toSorted((a, b) => Number(b === SET_FILES.manifest) - Number(a === SET_FILES.manifest))) {
    await files.remove(`${folder}/${name}`);
  }
  const gone = await files.removeFolder(folder);
  if (!gone) tools.log.warn('a removed set leaves a folder, because it holds files that are not ours', { folder });
  return ours.length > 0;
}
