/** When each check is made: evenly over the interval, and never twice at the same distance. */
import { derivedId } from '#kernel/ids.ts';
import type { Check } from '#monitor/check.ts';

/** All checks are made once soon after the start (milliseconds): until then nothing is known. */
const FIRST_ROUND_MS = 15_000;

/** The part of the interval by which a check may be early or late. */
const JITTER = 0.05;

/** From 0 to 1, the same for the same check at every start. */
function placeOfCheck({ id }: Pick<Check, 'id'>): number {
  const spelled = derivedId('check', id);
  let sum = 0;
  for (const letter of spelled) sum = (sum * 31 + letter.charCodeAt(0)) % 1_000_003;
  return sum / 1_000_003;
}

/** How long after the start (milliseconds) a check is made for the first time. */
export function firstAfterMs(check: Pick<Check, 'id' | 'intervalMs'>): number {
  return placeOfCheck(check) * Math.min(check.intervalMs, FIRST_ROUND_MS);
}

/**
 * When it is made next: at its own place in the next interval.
 * @param now milliseconds of a clock that never jumps. @param chance from 0 to 1.
 */
export function nextAt(check: Pick<Check, 'id' | 'intervalMs'>, now: number, chance: number): number {
  const { intervalMs } = check;
  const offset = placeOfCheck(check) * intervalMs;
  // At least half an interval away, so that the first round is not followed by a second at once.
  const round = Math.ceil((now + intervalMs / 2 - offset) / intervalMs);
  return offset + round * intervalMs + (chance - 0.5) * 2 * JITTER * intervalMs;
}
