/** When a channel that did not take a message is tried again. */

const FIRST_MS = 5_000;
const LONGEST_MS = 3_600_000;

/** A message that could not be delivered for so long (milliseconds) is given up: three days. */
export const GIVE_UP_MS = 3 * 86_400_000;

/** Nobody means more than a day; a channel must not be silenced for years by a slip of the other side. */
const LONGEST_ASKED_MS = 86_400_000;
const SHORTEST_MS = 1_000;

/** @param failures in a row, this one included. @param askedMs how long the other side asked us to wait, if it did. */
export function nextTry(now: Date, failures: number, askedMs: number | undefined): Date {
  const ownMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20));
  const waitMs = askedMs === undefined ? ownMs : Math.min(LONGEST_ASKED_MS, Math.max(SHORTEST_MS, askedMs));
  return new Date(now.getTime() + waitMs);
}
