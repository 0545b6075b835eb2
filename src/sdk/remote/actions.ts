/** The actions of a destination, made from what a remote place can do with files. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { SET_ID, type SetSummary } from '#sdk/kinds/destination.ts';
import { openSet } from '#sdk/remote/fetch.ts';
import type { RemoteFiles } from '#sdk/remote/files.ts';
import {
  checkedName,
  foldersOf,
  headerIn,
  holdsOurs,
  type RemotePlace,
  readAnnotations,
  removeOurs,
  requireSet,
  type Which,
} from '#sdk/remote/layout.ts';
import { storeSet } from '#sdk/remote/store.ts';
import { verifySet } from '#sdk/remote/verify.ts';
import {
  ANNOTATIONS_FILE,
  type Annotations,
  isPathComponent,
  NO_ANNOTATIONS,
  partsOf,
  SET_FILES,
  summaryOf,
} from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** Connects, does the work, and disconnects. `write` asks for more: the place must surely be the one that is meant. */
export type Reach<C> = <T>(
  tools: Tools<C>,
  use: 'read' | 'write',
  work: (files: RemoteFiles) => Promise<T>,
) => Promise<T>;

/** All actions but `check`, which is the plugin's own. */
export function remoteActions<C>(reach: Reach<C>) {
  const at = <T>(tools: Tools<C>, use: 'read' | 'write', work: (place: RemotePlace) => Promise<T>) =>
    reach(tools, use, (files) => work({ tools, files }));
  return {
    store: (tools: Tools<C>, input: Which & { directory: string }) =>
      at(tools, 'write', (place) => storeSet(place, input)),
    list: (tools: Tools<C>, { service }: { service?: string | undefined }) =>
      at(tools, 'read', (place) => listSets(place, service)),
    open: (tools: Tools<C>, input: Which & { parts?: string[] | undefined }) =>
      at(tools, 'read', (place) => openSet(place, input)),
    verify: (tools: Tools<C>, input: Which) => at(tools, 'read', (place) => verifySet(place, input)),
    annotate: (tools: Tools<C>, input: Which & { verifiedAt?: string | undefined; pinned?: boolean | undefined }) =>
      at(tools, 'write', (place) => annotateSet(place, input)),
    remove: (tools: Tools<C>, input: Which) => at(tools, 'write', (place) => removeSet(place, input)),
  };
}

interface Unreadable {
  path: string;
  reason: string;
}

/** So many sets are asked about at the same time. */
const AT_ONCE = 4;

async function listSets(
  place: RemotePlace,
  service: string | undefined,
): Promise<{ sets: SetSummary[]; unreadable: Unreadable[] }> {
  const found = service === undefined ? await place.files.list('', 3) : await listService(place, service);
  const folders = new Map<string, Map<string, number>>();
  for (const { path, bytes } of found) {
    const [name = '', set = '', file, ...deeper] = path.split('/');
    if (file === undefined || deeper.length > 0 || !isPathComponent(name) || !SET_ID.safeParse(set).success) continue;
    const folder = folders.get(`${name}/${set}`) ?? new Map<string, number>();
    folders.set(`${name}/${set}`, folder.set(file, bytes));
  }
  const sets: SetSummary[] = [];
  const unreadable: Unreadable[] = [];
  const queue = [...folders].filter(([, sizes]) => sizes.has(SET_FILES.manifest));
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [path, sizes] = next;
      try {
        const summary = await summaryIn(place, path, sizes);
        if (summary !== undefined) sets.push(summary);
      } catch (error) {
        if (!isDamage(error)) throw error;
        unreadable.push({ path, reason: errorText(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    sets: sets.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1)),
    unreadable: unreadable.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

async function listService({ files }: RemotePlace, service: string) {
  const name = checkedName(service);
  return (await files.list(name, 2)).map(({ path, bytes }) => ({ path: `${name}/${path}`, bytes }));
}

async function summaryIn(
  { files }: RemotePlace,
  path: string,
  sizes: ReadonlyMap<string, number>,
): Promise<SetSummary | undefined> {
  const header = await headerIn(files, path);
  if (header === undefined || `${header.service}/${header.set}` !== path) return undefined;
  const parts = partsOf(header);
  const missing = parts.find((part) => !sizes.has(part));
  if (missing !== undefined) throw new AutopilotError('HA_SET_CORRUPT', `${missing} is missing`);
  const sizeBytes = parts.reduce((sum, part) => sum + (sizes.get(part) ?? 0), 0);
  const annotations = sizes.has(ANNOTATIONS_FILE) ? await readAnnotations(files, path) : NO_ANNOTATIONS;
  return summaryOf(header, { sizeBytes, annotations });
}

function isDamage(error: unknown): boolean {
  return error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT';
}

async function annotateSet(
  place: RemotePlace,
  { verifiedAt, pinned, ...which }: Which & { verifiedAt?: string | undefined; pinned?: boolean | undefined },
): Promise<Record<string, never>> {
  const { whole } = await requireSet(place, which);
  const annotations: Annotations = { ...(await readAnnotations(place.files, whole)) };
  if (verifiedAt !== undefined) annotations.verifiedAt = verifiedAt;
  if (pinned !== undefined) annotations.pinned = pinned;
  await place.files.write(`${whole}/${ANNOTATIONS_FILE}`, `${JSON.stringify(annotations)}\n`);
  return {};
}

/** Nothing is removed but files that we write, from a folder whose manifest says that it is this set of ours. */
async function removeSet(place: RemotePlace, which: Which): Promise<{ removed: boolean }> {
  const { whole, partial, replaced } = foldersOf(which);
  const { rename } = place.files;
  const leftOver = [await removeOurs(place, replaced), await removeOurs(place, partial)];
  const isOurs = await holdsOurs(place.files, whole, which);
  if (isOurs && rename !== undefined) await rename(whole, partial);
  if (isOurs) await removeOurs(place, rename === undefined ? whole : partial);
  // A copy that was cut off has no manifest where sets are committed by it.
  else if (rename === undefined && !(await hasManifest(place, whole))) leftOver.push(await removeOurs(place, whole));
  return { removed: isOurs || leftOver.includes(true) };
}

async function hasManifest({ files }: RemotePlace, folder: string): Promise<boolean> {
  return (await files.head(`${folder}/${SET_FILES.manifest}`, 1)) !== undefined;
}
