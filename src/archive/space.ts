/** Guesses whether a set will fit. The compressed size is known only afterwards, so only a clear lack is an error. */

import { AutopilotError } from '#kernel/errors.ts';
import { formatBytes } from '#kernel/format.ts';

/** Ordinary data does not become smaller than this share of itself. */
const SMALLEST_SHARE = 1 / 20;

/** How far a set may differ from the share that the one before it came to. */
const CERTAIN = 0.5;
const LIKELY = 1.2;

export interface Judgement {
  error?: AutopilotError;
  warning?: string;
}

/**
 * `share` is what the set before this one came to (compressed by uncompressed), if there was one. Without it, less
 * room than a twentieth of the data is an error and less than the data is a warning. With it, less than half of the
 * expected size is an error and less than that size and a fifth is a warning.
 */
export function judgeSpace(
  storedBytes: number,
  share: number | undefined,
  place: { name: string; freeBytes: number | null },
): Judgement {
  if (place.freeBytes === null) return {};
  const least = storedBytes * (share === undefined ? SMALLEST_SHARE : share * CERTAIN);
  const enough = storedBytes * (share === undefined ? 1 : Math.min(1, share * LIKELY));
  const told = `${place.name} has ${formatBytes(place.freeBytes)} free, and the data is ${formatBytes(storedBytes)}`;
  if (place.freeBytes < least) {
    const next = 'free some room there, or keep fewer sets with backup.retention';
    return { error: new AutopilotError('HA_NO_SPACE', `${told}: that cannot fit`, { next }) };
  }
  return place.freeBytes < enough ? { warning: `${told} before compression: it may not fit` } : {};
}
