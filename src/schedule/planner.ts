/** The slots of a schedule: each nominal instant with the moment at which its run is to start, or the reason why not. */
import { createHash } from 'node:crypto';
import { openCalendar } from '#schedule/calendar.ts';
import type { Schedule } from '#schedule/rules.ts';
import { openSpan } from '#schedule/span.ts';

const SECOND_MS = 1_000;
const FIRST_STEP_MS = 60_000;

/** Windows and blackouts that are in each other's way are followed so far; a schedule that needs more never starts. */
const MOST_TURNS = 64;

export interface Slot {
  /** What identifies the slot, in milliseconds. */
  nominal: number;
  /** When its run is to start: the nominal instant, and what spreads services of the same slot. Never decreases. */
  due: number;
  /** Why it is not to start at all. */
  barred: 'outside_window' | 'blackout' | null;
}

export interface Planner {
  /** The first slot after a nominal instant; `undefined`: there is none any more. */
  after(nominal: number): Slot | undefined;
  /** The first slot that is due after an instant, whatever its nominal instant is. */
  dueAfter(instant: number): Slot | undefined;
  /** The first moment from `instant` on at which something may start; `undefined`: none in sight. */
  permittedFrom(instant: number): number | undefined;
}

export function openPlanner(schedule: Schedule): Planner {
  const { jitterMs } = schedule;
  const calendar = openCalendar(schedule);
  const window = schedule.window === null ? null : openSpan(schedule.window);
  const blackouts = schedule.blackouts.map(openSpan);
  const share = shareOf(schedule.id);
  const blackoutEnd = (instant: number): number | null => {
    const ends = blackouts.flatMap((blackout) => blackout.endAt(instant) ?? []);
    return ends.length === 0 ? null : Math.max(...ends);
  };

  const longest = jitterMs ?? schedule.window?.durationMs ?? 0;
  const after = (last: number): Slot | undefined => {
    const nominal = calendar.next(last);
    if (nominal === undefined) return undefined;
    const windowEnd = window === null ? Number.POSITIVE_INFINITY : window.endAt(nominal);
    if (windowEnd === null) return { nominal, due: nominal, barred: 'outside_window' };
    if (blackoutEnd(nominal) !== null) return { nominal, due: nominal, barred: 'blackout' };
    const wished = jitterMs ?? (window === null ? 0 : windowEnd - nominal);
    if (wished === 0) return { nominal, due: nominal, barred: null };
    // Nothing is spread into the next slot, out of the window, or into a blackout.
    const limits = [calendar.next(nominal) ?? windowEnd, windowEnd, ...blackouts.map((one) => one.nextStart(nominal))];
    const room = Math.min(wished, ...limits.map((limit) => limit - nominal));
    return { nominal, due: nominal + Math.floor((share * room) / SECOND_MS) * SECOND_MS, barred: null };
  };

  return {
    after,

    dueAfter(instant) {
      // The slot before may still be to come: it is looked for further and further back.
      let back = 0;
      let slot = after(instant);
      for (let step = FIRST_STEP_MS; back < longest; step *= 8) {
        back = Math.min(step, longest);
        slot = after(instant - back);
        if (slot === undefined || slot.nominal <= instant) break;
      }
      while (slot !== undefined && slot.due <= instant) slot = after(slot.nominal);
      return slot;
    },

    permittedFrom(instant) {
      let at = instant;
      for (let turn = 0; turn < MOST_TURNS; turn++) {
        const outside = window !== null && window.endAt(at) === null;
        const next = outside ? window.nextStart(at) : blackoutEnd(at);
        if (next === null) return at;
        at = next;
        if (at === Number.POSITIVE_INFINITY) return undefined;
      }
      return undefined;
    },
  };
}

/** Where in the room of its slot a schedule starts, from 0 to 1: always the same, and another for each service. */
function shareOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0) / 2 ** 32;
}
