/** The restore points of a homelab: what the destinations list, the copies of one set brought together. */
import type { SetPurpose, SetSummary } from '#sdk/kinds/destination.ts';

export interface SetCopy {
  destination: string;
  /** `verified`: it was read back whole after it was copied. `stored`: it is whole by its name, but nobody has looked. */
  status: 'verified' | 'stored';
  verifiedAt: string | null;
}

export interface RestorePoint {
  id: string;
  service: string;
  host: string;
  run: string;
  createdAt: string;
  sizeBytes: number;
  contentBytes: number;
  files: number;
  /** When a copy was last found whole. */
  verifiedAt: string | null;
  pinned: boolean;
  purpose: SetPurpose;
  copies: SetCopy[];
}

/** Newest first. */
export function mergeCatalog(
  listings: readonly { destination: string; sets: readonly SetSummary[] }[],
): RestorePoint[] {
  const points = new Map<string, RestorePoint>();
  for (const { destination, sets } of listings) {
    for (const { verifiedAt, pinned, ...facts } of sets) {
      const point = points.get(facts.id) ?? { ...facts, verifiedAt: null, pinned: false, copies: [] };
      point.copies.push({ destination, status: verifiedAt === null ? 'stored' : 'verified', verifiedAt });
      point.verifiedAt = later(point.verifiedAt, verifiedAt);
      point.pinned ||= pinned;
      points.set(facts.id, point);
    }
  }
  return [...points.values()].toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
