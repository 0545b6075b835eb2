/** What the destinations hold, joined with what the state file knows of copies that lie out of reach. */

import type { RestorePoint } from '#archive/catalog.ts';
import { mergeCatalog } from '#archive/catalog.ts';
import type { RestorePointView } from '#engine/requests.ts';
import type { SetSummary } from '#sdk/kinds/destination.ts';

/** What one destination was found to hold. */
export interface Found {
  destination: string;
  sets: readonly SetSummary[];
  /** Paths of sets that lie there, and cannot be read. */
  unreadable: readonly string[];
}

type Copy = RestorePointView['copies'][number];

/**
 * What was seen counts for more than what was noted: a copy that a listed destination of this host does not hold is
 * `missing`, and one that lies there and cannot be read is `damaged`. Copies of other hosts stand as the state file has them.
 * @returns newest first.
 */
export function joined(found: readonly Found[], noted: readonly RestorePointView[], host: string): RestorePointView[] {
  const points = new Map(mergeCatalog(found).map((point) => [point.id, viewOf(point, host)]));
  const listed = new Set(found.map(({ destination }) => destination));
  for (const note of noted) {
    const seen = points.get(note.id);
    const others = note.copies.flatMap((copy) => outOfSight(copy, { seen, listed, host }));
    const copies = [...(seen?.copies ?? []), ...others].sort(byPlace);
    points.set(note.id, { ...(seen ?? note), lastDrill: note.lastDrill, verifiedAt: latest(copies), copies });
  }
  const judged = [...points.values()].map((point) => withDamaged(point, found, host));
  return judged.sort((a, b) => (a.createdAt > b.createdAt ? -1 : 1));
}

function viewOf(
  { copies, run: _run, contentBytes: _contentBytes, ...point }: RestorePoint,
  host: string,
): RestorePointView {
  return {
    ...point,
    lastDrill: null,
    copies: copies.map(({ destination, status, verifiedAt }) => {
      return { destination, host, status: status === 'verified' ? 'verified' : 'unverified', verifiedAt };
    }),
  };
}

function outOfSight(
  copy: Copy,
  { seen, listed, host }: { seen: RestorePointView | undefined; listed: ReadonlySet<string>; host: string },
): Copy[] {
  // A destination of one name is one place, whichever host noted the copy there.
  if (seen?.copies.some(({ destination }) => destination === copy.destination)) return [];
  const gone = copy.host === host && listed.has(copy.destination);
  return [gone ? { ...copy, status: 'missing' } : copy];
}

/** A copy whose manifest cannot be read has no facts to list; what is known of the set comes from elsewhere. */
function withDamaged(point: RestorePointView, found: readonly Found[], host: string): RestorePointView {
  const isThis = (path: string) => path.split('/').at(-1) === point.id;
  const places = found.flatMap(({ destination, unreadable }) => (unreadable.some(isThis) ? [destination] : []));
  if (places.length === 0) return point;
  const damaged = places.map((destination): Copy => ({ destination, host, status: 'damaged', verifiedAt: null }));
  const others = point.copies.filter(({ destination }) => !places.includes(destination));
  return { ...point, copies: [...others, ...damaged].sort(byPlace) };
}

/** When a copy that is there was last found whole. That the set was whole before it was copied proves no copy. */
function latest(copies: readonly Copy[]): string | null {
  const present = copies.filter(({ status }) => status === 'verified' || status === 'unverified');
  const times = present.flatMap(({ verifiedAt }) => verifiedAt ?? []).sort();
  return times.at(-1) ?? null;
}

function byPlace(a: Copy, b: Copy): number {
  return `${a.destination} ${a.host}` < `${b.destination} ${b.host}` ? -1 : 1;
}
