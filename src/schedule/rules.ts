/** What a schedule says: when it is due, and what becomes of what cannot start then. */
import { z } from 'zod';

/** Sunday is 0, as in cron. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

export const OVERLAPS = ['skip', 'queue', 'cancel_previous'] as const;
export const CATCH_UPS = ['none', 'last', 'all'] as const;

/** A stretch of time that comes again: from a time of the clock on, each day or on some days of the week. */
export const TimeWindow = z.object({
  hour: z.int(),
  minute: z.int(),
  durationMs: z.int(),
  timezone: z.string(),
  /** Days on which it starts; null: each day. */
  weekdays: z.array(z.int()).nullable(),
});
export type TimeWindow = z.output<typeof TimeWindow>;

/** Also the shape in which the ledger remembers a schedule, so that it can be walked when it is gone. */
export const ScheduleRules = z.object({
  /** Null: `everyMs` says when. */
  cron: z.string().nullable(),
  /** Counted from 1970-01-01T00:00Z, so that no restart moves it. */
  everyMs: z.int().nullable(),
  timezone: z.string(),
  /** Over how long services of the same slot are spread; null: over the rest of the window, where there is one. */
  jitterMs: z.int().nullable(),
  overlap: z.enum(OVERLAPS),
  catchUp: z.enum(CATCH_UPS),
  catchUpWindowMs: z.int(),
  /** Outside of it nothing starts; null: at any time. */
  window: TimeWindow.nullable(),
  /** Within any of these nothing starts. */
  blackouts: z.array(TimeWindow),
});
export type ScheduleRules = z.output<typeof ScheduleRules>;

/** A schedule of one service. The engine part knows no workflow by name. */
export const Schedule = ScheduleRules.extend({
  /** Stays the same over restarts: `backup.notes`. */
  id: z.string(),
  workflow: z.string(),
  service: z.string(),
  host: z.string(),
});
export type Schedule = z.output<typeof Schedule>;

const DEFAULT_CATCH_UP_WINDOW_MS = 7 * 86_400_000;

/** The rules behind a cron expression alone. */
export function plainRules(cron: string, timezone: string): ScheduleRules {
  return {
    cron,
    everyMs: null,
    timezone,
    jitterMs: null,
    overlap: 'skip',
    catchUp: 'last',
    catchUpWindowMs: DEFAULT_CATCH_UP_WINDOW_MS,
    window: null,
    blackouts: [],
  };
}
