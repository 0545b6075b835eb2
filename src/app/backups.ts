/** Restore points without Redis and controller: the destinations are asked in this process, by their own plugins. */
import { rm } from 'node:fs/promises';
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
import type { Destinations, SetPlace } from '#app/destinations.ts';
import { openDestinations } from '#app/destinations.ts';
import { openHistory } from '#app/history.ts';
import { withTools } from '#app/local-tools.ts';
import { prunePlan } from '#app/prune-plan.ts';
import type { Settings } from '#app/settings.ts';
import type { IndexLine } from '#archive/index-line.ts';
import { readHeader } from '#archive/manifest.ts';
import { restoreSet } from '#archive/restore/restore.ts';
import { setFiles } from '#archive/set-files.ts';
import { verifySet, verifySummary } from '#archive/verify.ts';
import type { RestorePointView } from '#engine/requests.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { SET_FILES } from '#sdk/sets.ts';

interface Reach {
  settings: Settings;
  destinations: Destinations;
  /** Whether the state file is looked at too. */
  useHistory: boolean;
  signal: AbortSignal;
}

export async function openBackups(settings: Settings, options: BackupsOptions): Promise<Backups> {
  const { destination, signal } = options;
  const destinations = openDestinations(settings, { only: destination, signal });
  const reach: Reach = { settings, destinations, useHistory: destination === undefined, signal };
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

/** The copies that this process can read, those that were found whole before first. */
function placesOf({ destinations, settings }: Reach, point: RestorePointView): SetPlace[] {
  const { host } = settings.config.global;
  const present = point.copies.filter((copy) => copy.status !== 'missing' && copy.host === host);
  const sorted = present.toSorted((a, b) => Number(b.status === 'verified') - Number(a.status === 'verified'));
  const places = sorted.flatMap(({ destination }) => {
    const at = destinations.all.find(({ name }) => name === destination);
    return at === undefined ? [] : [{ service: point.service, set: point.id, at }];
  });
  if (places.length === 0) throw outOfReach(point);
  return places;
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
      await using set = await opened(destinations, place, parts);
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

/** An open copy; what was fetched for it is removed when it is disposed of. */
async function opened(destinations: Destinations, place: SetPlace, parts: string[] | undefined) {
  const { directory, temporary } = await destinations.open(place, parts);
  return {
    directory,
    async [Symbol.asyncDispose]() {
      if (temporary) await rm(directory, { recursive: true, force: true });
    },
  };
}

function outOfReach({ id, copies }: RestorePointView): AutopilotError {
  const hosts = [...new Set(copies.filter(({ status }) => status !== 'missing').map(({ host }) => host))];
  return new AutopilotError('HA_NOT_FOUND', `no copy of the restore point ${id} is within reach of this host`, {
    next: hosts.length === 0 ? 'Every copy is missing' : `Run this on ${hosts.join(' or ')}`,
  });
}

async function show(reach: Reach, id: string): Promise<BackupDetail> {
  const point = await pointNamed(reach, id);
  const wanted = { places: placesOf(reach, point), parts: [SET_FILES.manifest] };
  const header = await fromAnyCopy(reach, wanted, (directory) => readHeader(directory));
  return {
    ...point,
    run: header.run,
    sources: header.sources.map(({ path }) => path),
    contentBytes: header.counts.contentBytes,
    warnings: header.warnings,
    release: header.release,
  };
}

async function* files(reach: Reach, id: string, glob: string | undefined): AsyncGenerator<SetFile, void, undefined> {
  const [place] = placesOf(reach, await pointNamed(reach, id));
  if (place === undefined) return;
  await using set = await opened(reach.destinations, place, [SET_FILES.manifest]);
  for await (const line of setFiles(set.directory, glob)) yield fileOf(line);
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
      restoreSet(tools, directory, options),
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
  const { settings, destinations, signal } = reach;
  const { host } = settings.config.global;
  const point = await pointNamed(reach, id);
  const copies: CopyCheck[] = [];
  for (const place of placesOf(reach, point)) {
    const where = { destination: place.at.name, host };
    try {
      await using set = await opened(destinations, place, undefined);
      // Every file, not only the checksums of the parts: whoever asks for this wants to know which file is damaged.
      const report = await withTools(settings, { name: 'local', signal, progress }, (tools) =>
        verifySet(tools, set.directory),
      );
      if (report.ok) await destinations.noteVerified(place, new Date());
      copies.push({ ...where, status: report.ok ? 'verified' : 'damaged', detail: verifySummary(report) });
    } catch (error) {
      signal.throwIfAborted();
      const corrupt = error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT';
      copies.push({ ...where, status: corrupt ? 'damaged' : 'unreadable', detail: errorText(error) });
    }
  }
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
