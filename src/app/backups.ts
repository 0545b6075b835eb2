/** Restore points without Redis and controller: the destinations are asked in this process, by their own plugins. */
import type { Found } from '#app/backup-listing.ts';
import { joined } from '#app/backup-listing.ts';
import type {
  BackupDetail,
  Backups,
  BackupsOptions,
  CopyCheck,
  Listing,
  RestoreReport,
  RestoreWish,
  SetFile,
  Trouble,
} from '#app/backup-types.ts';
import { checkCopy } from '#app/check-copy.ts';
import type { Destinations, SetPlace } from '#app/destinations.ts';
import { openCopy, openDestinations } from '#app/destinations.ts';
import { openHistory } from '#app/history.ts';
import { type LocalWork, openTools, withTools } from '#app/local-tools.ts';
import { prunePlan } from '#app/prune-plan.ts';
import { type SetKey, setKey } from '#app/set-key.ts';
import type { Settings } from '#app/settings.ts';
import { isOutOfReach } from '#archive/encryption/identity.ts';
import { readable, SEALED_FACTS } from '#archive/encryption/readable.ts';
import type { IndexLine } from '#archive/index-line.ts';
import { readHeader } from '#archive/manifest.ts';
import { restoreSet } from '#archive/restore/restore.ts';
import { setFiles } from '#archive/set-files.ts';
import type { RestorePointView } from '#engine/requests.ts';
import { AutopilotError, type ErrorFacts, errorFacts, errorText } from '#kernel/errors.ts';
import { SET_FILES, type SetHeader } from '#sdk/sets.ts';

interface Reach {
  settings: Settings;
  destinations: Destinations;
  /** Whether the state file is looked at too. */
  useHistory: boolean;
  /** A file that was named on the command line. */
  identity: string | undefined;
  signal: AbortSignal;
}

export async function openBackups(settings: Settings, options: BackupsOptions): Promise<Backups> {
  const { destination, identity, signal } = options;
  const destinations = openDestinations(settings, { only: destination, signal });
  const reach: Reach = { settings, destinations, useHistory: destination === undefined, identity, signal };
  return {
    list: (service) => list(reach, service),
    show: (id) => show(reach, id),
    verify: (id, progress) => verify(reach, id, progress),
    files: (id, glob) => files(reach, id, glob),
    restore: (id, wish) => restore(reach, id, wish),
    pin: (id, pinned) => pin(reach, id, pinned),
    async prunePlan(service) {
      const { found, troubles } = await lookAt(destinations, service);
      return { decisions: prunePlan(settings, found), troubles };
    },
    [Symbol.asyncDispose]: () => destinations[Symbol.asyncDispose](),
  };
}

async function list(reach: Reach, service?: string): Promise<Listing> {
  const { settings, destinations, useHistory } = reach;
  const { found, troubles } = await lookAt(destinations, service);
  const noted = useHistory ? notedPoints(settings, { service, troubles }) : [];
  return { restorePoints: joined(found, noted, settings.config.global.host), troubles };
}

/** The destinations speak for themselves: a damaged state file must not hide what they hold. */
function notedPoints(
  settings: Settings,
  { service, troubles }: { service: string | undefined; troubles: Trouble[] },
): RestorePointView[] {
  try {
    using history = openHistory(settings);
    return history === null ? [] : history.restorePoints(service);
  } catch (error) {
    troubles.push({ destination: 'state file', message: errorText(error) });
    return [];
  }
}

/** Asks all destinations at once; one that cannot answer is told and left out. */
async function lookAt(
  destinations: Destinations,
  service: string | undefined,
): Promise<{ found: Found[]; troubles: Trouble[] }> {
  const found: Found[] = [];
  const troubles: Trouble[] = [];
  const looks = destinations.all.map(async (at) => {
    try {
      const { sets, unreadable } = await destinations.list(at, service);
      found.push({ destination: at.name, sets, unreadable: unreadable.map(({ path }) => path) });
      for (const { path, reason } of unreadable) troubles.push({ destination: at.name, message: `${path}: ${reason}` });
    } catch (error) {
      troubles.push({ destination: at.name, message: errorText(error) });
    }
  });
  await Promise.all(looks);
  return { found: found.sort((a, b) => (a.destination < b.destination ? -1 : 1)), troubles };
}

async function pointNamed(reach: Reach, prefix: string): Promise<RestorePointView> {
  const { restorePoints, troubles } = await list(reach);
  const matching = restorePoints.filter(({ id }) => id.startsWith(prefix));
  const exact = matching.find(({ id }) => id === prefix) ?? (matching.length === 1 ? matching[0] : undefined);
  if (exact !== undefined) return exact;
  if (matching.length > 1) {
    const examples = matching.slice(0, 3).map(({ id }) => id);
    throw new AutopilotError('HA_USAGE', `several restore points begin with "${prefix}"`, {
      next: `For example: ${examples.join(', ')}`,
    });
  }
  const unseen = troubles.map(({ destination, message }) => `${destination} could not be listed: ${message}`);
  throw new AutopilotError('HA_NOT_FOUND', `there is no restore point "${prefix}"`, {
    next: [...unseen, 'See  homelab-autopilot backups'].join('\n'),
  });
}

/** The copies that this process can read: those that were found whole before first, then as the configuration lists them. */
function placesOf({ destinations, settings }: Reach, point: RestorePointView): SetPlace[] {
  const { host } = settings.config.global;
  const present = point.copies.filter((copy) => copy.status !== 'missing' && copy.host === host);
  const places = destinations.all.flatMap((at) => {
    const copy = present.find(({ destination }) => destination === at.name);
    return copy === undefined ? [] : [{ copy, place: { service: point.service, set: point.id, at } }];
  });
  if (places.length === 0) throw outOfReach(point);
  const isWhole = ({ copy }: { copy: { status: string } }) => Number(copy.status === 'verified');
  return places.toSorted((a, b) => isWhole(b) - isWhole(a)).map(({ place }) => place);
}

/** Works with the first copy that is good for it. A damaged one is no reason to give up while there are others. */
async function fromAnyCopy<T>(
  { destinations, signal }: Reach,
  { places, parts }: { places: readonly SetPlace[]; parts?: string[] },
  work: (directory: string, place: SetPlace, warnings: string[]) => Promise<T>,
): Promise<T> {
  const warnings: string[] = [];
  for (const [i, place] of places.entries()) {
    try {
      await using set = await openCopy(destinations, place, parts);
      return await work(set.directory, place, warnings);
    } catch (error) {
      signal.throwIfAborted();
      if (i === places.length - 1 || !isDamage(error)) throw error;
      warnings.push(`the copy on ${place.at.name} could not be used: ${errorText(error)}`);
    }
  }
  throw new AutopilotError('HA_NOT_FOUND', 'there is no copy to work with');
}

const DAMAGE: ReadonlySet<string> = new Set(['HA_SET_CORRUPT', 'HA_DESTINATION_UNUSABLE', 'HA_NOT_FOUND']);

function isDamage(error: unknown): boolean {
  return error instanceof AutopilotError && DAMAGE.has(error.code);
}

function outOfReach({ id, copies }: RestorePointView): AutopilotError {
  const hosts = [...new Set(copies.filter(({ status }) => status !== 'missing').map(({ host }) => host))];
  return new AutopilotError('HA_NOT_FOUND', `no copy of the restore point ${id} is within reach of this host`, {
    next: hosts.length === 0 ? 'Every copy is missing' : `Run this on ${hosts.join(' or ')}`,
  });
}

async function show(reach: Reach, id: string): Promise<BackupDetail> {
  const point = await pointNamed(reach, id);
  const places = placesOf(reach, point);
  const { header, locked } = await factsOf(reach, point.service, places);
  const { encryption } = header;
  return {
    ...point,
    run: header.run,
    sources: header.sources.map(({ path }) => path),
    contentBytes: header.counts.contentBytes,
    warnings: header.warnings,
    release: header.release,
    encryption: encryption === null ? null : { recipients: encryption.recipients, locked },
  };
}

/** Of an encrypted set that cannot be opened here as much as anybody may know. */
async function factsOf(
  reach: Reach,
  service: string,
  places: readonly SetPlace[],
): Promise<{ header: SetHeader; locked: ErrorFacts | null }> {
  const plain = { places, parts: [SET_FILES.manifest] };
  const outside = await fromAnyCopy(reach, plain, (directory) => readHeader(directory));
  if (outside.encryption === null) return { header: outside, locked: null };
  try {
    return await fromAnyCopy(reach, { places, parts: [...SEALED_FACTS] }, async (directory) => {
      await using local = openTools(reach.settings, quietWork(reach));
      const { header } = await readable(local.tools, directory, keyOf(reach, service));
      return { header, locked: null };
    });
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    return { header: outside, locked: errorFacts(error) };
  }
}

function keyOf({ settings, identity }: Reach, service: string): SetKey {
  return setKey(settings, service, identity);
}

function quietWork({ signal }: Reach): LocalWork {
  return { name: 'local', signal, progress: () => undefined };
}

async function* files(reach: Reach, id: string, glob: string | undefined): AsyncGenerator<SetFile, void, undefined> {
  const [place] = placesOf(reach, await pointNamed(reach, id));
  if (place === undefined) return;
  await using set = await openedFacts(reach, place);
  await using local = openTools(reach.settings, quietWork(reach));
  const { facts } = await readable(local.tools, set.directory, keyOf(reach, place.service));
  for await (const line of setFiles(facts, glob)) yield fileOf(line);
}

/** What can be told of a set without its data; fetched twice only where that is in a file of its own. */
async function openedFacts({ destinations }: Reach, place: SetPlace) {
  const outside = await openCopy(destinations, place, [SET_FILES.manifest]);
  try {
    if ((await readHeader(outside.directory)).encryption === null) return outside;
  } catch (error) {
    await outside[Symbol.asyncDispose]();
    throw error;
  }
  await outside[Symbol.asyncDispose]();
  return await openCopy(destinations, place, [...SEALED_FACTS]);
}

function fileOf({ path, type, size, mode, owner, group, mtime, link }: IndexLine): SetFile {
  return { path: `/${path}`, type, size, mode, owner, group, modifiedAt: mtime, link: link ?? null };
}

async function restore(reach: Reach, id: string, wish: RestoreWish): Promise<RestoreReport> {
  const { settings, signal } = reach;
  const { to, only, overwrite, progress } = wish;
  const point = await pointNamed(reach, id);
  const options = { overwrite, ...(to === null ? {} : { to }), ...(only.length === 0 ? {} : { only }) };
  // Nothing is changed before a copy was unpacked and found whole, so another one may be tried after it.
  return await fromAnyCopy(reach, { places: placesOf(reach, point) }, async (directory, place, warnings) => {
    const restored = await withTools(settings, { name: 'local', signal, progress }, (tools) =>
      restoreSet(tools, { directory, encryption: keyOf(reach, point.service) }, options),
    );
    const { files, bytes, targets } = restored;
    return { id: point.id, service: point.service, from: place.at.name, targets, files, bytes, warnings };
  });
}

async function verify(
  reach: Reach,
  id: string,
  progress: Parameters<Backups['verify']>[1],
): Promise<{ id: string; copies: CopyCheck[] }> {
  const point = await pointNamed(reach, id);
  const copies: CopyCheck[] = [];
  const work = { ...quietWork(reach), progress };
  const checking = { ...reach, key: keyOf(reach, point.service), work };
  for (const place of placesOf(reach, point)) copies.push(await checkCopy(checking, place));
  return { id: point.id, copies: [...copies, ...outOfSight(point, copies)] };
}

function outOfSight({ copies }: RestorePointView, checked: readonly CopyCheck[]): CopyCheck[] {
  const rest = copies.filter(({ destination }) => !checked.some((check) => check.destination === destination));
  return rest.map(({ destination, host, status }) =>
    status === 'missing'
      ? { destination, host, status: 'unreadable', detail: 'it is not there any more' }
      : { destination, host, status: 'not checked', detail: `run this on ${host}` },
  );
}

async function pin(reach: Reach, id: string, pinned: boolean): Promise<RestorePointView> {
  const point = await pointNamed(reach, id);
  for (const place of placesOf(reach, point)) await reach.destinations.pin(place, pinned);
  return { ...point, pinned };
}
