/** The times of the clock that a cron expression means, whatever zone the clock is in. */
import { Cron } from 'croner';

const SECOND_MS = 1_000;

/** Steps that are remembered: the same ones are taken again for each service and each zone. */
const MOST_STEPS = 8_192;

export interface Pattern {
  /** The first time after `wall` (both as milliseconds that would be the instant in UTC); `undefined`: never again. */
  nextWall(wall: number): number | undefined;
}

/** @throws Error of the library when the expression is wrong. */
export function openPattern(cron: string): Pattern {
  // Read as UTC, where each time comes once: what changes of the clocks mean is decided in `Zone`.
  const times = new Cron(cron, { mode: '5-or-6-parts', utcOffset: 0, paused: true });
  const steps = new Map<number, number | undefined>();
  return {
    nextWall(wall) {
      const from = Math.floor(wall / SECOND_MS) * SECOND_MS;
      if (steps.has(from)) return steps.get(from);
      if (steps.size >= MOST_STEPS) steps.clear();
      const next = times.nextRun(new Date(from))?.getTime();
      steps.set(from, next);
      return next;
    },
  };
}
