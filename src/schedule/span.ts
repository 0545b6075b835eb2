/** A window or a blackout: whether it holds at an instant, until when, and when it begins the next time. */
import type { TimeWindow } from '#schedule/rules.ts';
import { openZone } from '#schedule/zone.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export interface Span {
  /** The end of the stretch that holds at `instant`; null when none does. */
  endAt(instant: number): number | null;
  /** The next beginning after `instant`. */
  nextStart(instant: number): number;
}

export function openSpan({ hour, minute, durationMs, timezone, weekdays }: TimeWindow): Span {
  const zone = openZone(timezone);
  const clock = (hour * 60 + minute) * MINUTE_MS;
  const dayOf = (instant: number) => Math.floor(zone.wallAt(instant) / DAY_MS) * DAY_MS;
  const holdsOn = (day: number) => weekdays === null || weekdays.includes(new Date(day).getUTCDay());
  // A start on the day before may be more than a day ago, where clocks were set back.
  const daysBack = Math.ceil(durationMs / DAY_MS) + 1;
  return {
    endAt(instant) {
      const today = dayOf(instant);
      let end: number | null = null;
      for (let back = 0; back <= daysBack; back++) {
        const day = today - back * DAY_MS;
        const start = zone.instantOf(day + clock);
        if (!holdsOn(day) || start > instant || instant >= start + durationMs) continue;
        end = Math.max(end ?? 0, start + durationMs);
      }
      return end;
    },
    nextStart(instant) {
      const today = dayOf(instant);
      for (let ahead = 0; ahead <= 8; ahead++) {
        const day = today + ahead * DAY_MS;
        const start = zone.instantOf(day + clock);
        if (holdsOn(day) && start > instant) return start;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}
