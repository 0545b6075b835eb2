/** The nominal instants of a schedule, one after the other. */
import { openPattern, type Pattern } from '#schedule/pattern.ts';
import type { ScheduleRules } from '#schedule/rules.ts';
import { openZone, type Zone } from '#schedule/zone.ts';

export interface Calendar {
  /** The first instant after `after` (milliseconds); `undefined`: never again. */
  next(after: number): number | undefined;
}

export function openCalendar({ cron, everyMs, timezone }: ScheduleRules): Calendar {
  if (everyMs !== null) return { next: (after) => (Math.floor(after / everyMs) + 1) * everyMs };
  if (cron === null) return { next: () => undefined };
  return cronCalendar(openPattern(cron), openZone(timezone));
}

/**
 * A time of the clock that does not exist fires at the next instant that does, together with others that fall there;
 * one that comes twice fires the first time.
 */
export function cronCalendar({ nextWall }: Pattern, zone: Zone): Calendar {
  return {
    next(after) {
      for (let wall = nextWall(zone.wallAt(after)); wall !== undefined; wall = nextWall(wall)) {
        const at = zone.instantOf(wall);
        // In the hour that comes for the second time everything has been before.
        if (at > after) return at;
      }
      return undefined;
    },
  };
}
