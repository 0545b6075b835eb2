/** Copies a set to a remote place: resumed where an earlier attempt was cut off, and seen only when it is whole. */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import {
  foldersOf,
  headerIn,
  holdsOurs,
  PARTIAL_PREFIX,
  type RemoteFolders,
  type RemotePlace,
  removeOurs,
  type Which,
} from '#sdk/remote/layout.ts';
import { verifySet } from '#sdk/remote/verify.ts';
import { isData, parseSetHeader, partsOf, SET_FILES, type SetHeader } from '#sdk/sets.ts';

interface Copying extends RemotePlace, Which {
  folders: RemoteFolders;
  /** Where the set lies here. */
  directory: string;
  sizes: ReadonlyMap<string, number>;
  totalBytes: number;
}

/** The manifest leads: by it a later attempt knows whose data it would go on with. The large ones come last. */
function uploadOrder({ sizes }: Copying): string[] {
  const first: string[] = [SET_FILES.manifest, SET_FILES.sums, SET_FILES.script];
  return [...first, ...[...sizes.keys()].filter((part) => !first.includes(part))];
}

export async function storeSet(
  place: RemotePlace,
  { service, set, directory }: Which & { directory: string },
): Promise<{ bytes: number }> {
  const sizes = new Map<string, number>();
  for (const part of partsOf(await localHeader(directory))) sizes.set(part, (await stat(join(directory, part))).size);
  const totalBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const copying = { ...place, service, set, directory, sizes, totalBytes, folders: foldersOf({ service, set }) };
  const existing = await holdsOurs(place.files, copying.folders.whole, { service, set });
  if (existing && (await isWhole(copying))) {
    await removeOurs(place, copying.folders.partial);
    return { bytes: totalBytes };
  }
  if (!existing) await refuseTaken(copying);
  if (place.files.rename !== undefined) await removeOtherPartials(copying);
  await place.files.makeFolder(copying.folders.parent);
  if (place.files.rename === undefined) await storeByManifest(copying);
  else await storeByRename(copying, { rename: place.files.rename, existing });
  return { bytes: totalBytes };
}

/** What others put where the set belongs is neither adopted nor removed; without a manifest it may be our cut-off copy. */
async function refuseTaken({ tools, files, folders }: Copying): Promise<void> {
  const there = await files.list(folders.whole, 1);
  const names = there.map(({ path }) => path);
  if (files.rename === undefined ? !names.includes(SET_FILES.manifest) : names.length === 0) return;
  throw new AutopilotError('HA_CONFLICT', `${tools.name}: ${folders.whole} is there, but is not this set`, {
    next: 'look at what it is, and move it away',
  });
}

/** An attempt whose last answer was lost may have done it all. A copy that is not as it should be is made again. */
async function isWhole(copying: Copying): Promise<boolean> {
  const { tools, files, folders, directory, sizes } = copying;
  const there = new Map((await files.list(folders.whole, 1)).map(({ path, bytes }) => [path, bytes]));
  if ([...sizes].some(([part, size]) => there.get(part) !== size)) return false;
  if (!(await isSameSet(copying, folders.whole))) return false;
  tools.log.info('a copy of the set is there already; it is read back', { set: copying.set, directory });
  return (await verifySet(copying, copying)).problems.length === 0;
}

async function storeByRename(
  copying: Copying,
  { rename, existing }: { rename: (from: string, to: string) => Promise<void>; existing: boolean },
): Promise<void> {
  const { folders, files } = copying;
  if (!(await isSameSet(copying, folders.partial))) await removeOurs(copying, folders.partial);
  await files.makeFolder(folders.partial);
  await upload(copying, folders.partial, uploadOrder(copying));
  await removeOurs(copying, folders.replaced);
  if (existing) await rename(folders.whole, folders.replaced);
  faultPoint('copy.before-rename');
  await rename(folders.partial, folders.whole);
  await removeOurs(copying, folders.replaced);
}

/** Where folders cannot be renamed, a set is there from the moment in which its manifest is, and that comes last. */
async function storeByManifest(copying: Copying): Promise<void> {
  const { folders, files } = copying;
  await files.remove(`${folders.whole}/${SET_FILES.manifest}`);
  await files.makeFolder(folders.whole);
  await upload(copying, folders.whole, uploadOrder(copying).slice(1));
  faultPoint('copy.before-rename');
  await upload(copying, folders.whole, [SET_FILES.manifest]);
}

async function upload(copying: Copying, folder: string, parts: readonly string[]): Promise<void> {
  const { tools, files, directory, sizes, totalBytes } = copying;
  const resumes = files.rename !== undefined;
  const there = new Map((await files.list(folder, 1)).map(({ path, bytes }) => [path, bytes]));
  const others = [...sizes.keys()].filter((part) => !parts.includes(part) && there.has(part));
  let bytes = others.reduce((sum, part) => sum + (sizes.get(part) ?? 0), 0);
  const onBytes = (more: number) => tools.progress({ bytes: (bytes += more), totalBytes });
  for (const part of parts) {
    const held = there.get(part) ?? 0;
    const from = resumes && held <= (sizes.get(part) ?? 0) ? held : 0;
    // Of a small file that is there in full nothing is in doubt: it belongs to this set, and will be read back.
    if (from > 0 && from === sizes.get(part) && !isData(part)) {
      onBytes(from);
      continue;
    }
    if (from > 0) tools.log.info('a copy that was cut off is gone on with', { part, from });
    await files.put(join(directory, part), `${folder}/${part}`, { from, onBytes });
    faultPoint('copy.middle');
  }
}

/** By the head of the manifest, which has the checksums of the other parts and the instant of the capture in it. */
async function isSameSet({ files, directory }: Copying, folder: string): Promise<boolean> {
  try {
    const theirs = await headerIn(files, folder);
    return theirs !== undefined && JSON.stringify(theirs) === JSON.stringify(await localHeader(directory));
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT') return false;
    throw error;
  }
}

/** The head of the manifest of a set that lies here. */
export async function localHeader(directory: string): Promise<SetHeader> {
  await using file = await open(join(directory, SET_FILES.manifest), 'r');
  for (let bytes = 64 << 10; ; bytes *= 8) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    const header = parseSetHeader(buffer.subarray(0, bytesRead).toString());
    if (header !== undefined) return header;
    if (bytesRead < bytes) throw new AutopilotError('HA_SET_CORRUPT', `${directory} holds no manifest`);
  }
}

/**
 * What attempts of earlier runs left for good: one service has one changing run at a time, so nobody of this host is
 * still at work on them. What another host began is left alone.
 */
async function removeOtherPartials(copying: Copying): Promise<void> {
  const { files, folders, tools, service } = copying;
  const there = await files.list(folders.parent, 2);
  const names = new Set(there.map(({ path }) => path.split('/')[0] ?? ''));
  for (const name of names) {
    const folder = `${folders.parent}/${name}`;
    if (!name.startsWith(PARTIAL_PREFIX) || folder === folders.partial) continue;
    const header = await headerIn(files, folder).catch((error: unknown) => {
      if (error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT') return undefined;
      throw error;
    });
    if (header?.host === tools.host && header.service === service) await removeOurs(copying, folder);
  }
}
