/** The retention rules that users write: the names of `restic forget`, with its meaning. */
import { z } from 'zod';

const count = (what: string) => z.int().nonnegative().optional().describe(what);

/** A set is kept when any rule keeps it. All counts are per service and destination. */
export const Retention = z.object({
  keep_last: count('Keep the newest N sets'),
  keep_hourly: count('Keep the newest set of each of the last N hours that have one'),
  keep_daily: count('Keep the newest set of each of the last N days that have one'),
  keep_weekly: count('Keep the newest set of each of the last N weeks (ISO, Monday first) that have one'),
  keep_monthly: count('Keep the newest set of each of the last N months that have one'),
  keep_yearly: count('Keep the newest set of each of the last N years that have one'),
  keep_within_ms: z.int().nonnegative().optional().describe('Keep all sets younger than this, counted from the newest'),
  min_keep: z.int().nonnegative().default(1).describe('Never go below N sets, whatever the rules say'),
  timezone: z.string().default('UTC').describe('IANA zone in which hours, days, weeks … are counted'),
});
export type Retention = z.output<typeof Retention>;
