/** Quiet hours: each day from a time of the clock on, for some hours. */
import { nextFires } from '#schedule/cron.ts';

export interface QuietHours {
  /** Of the clock in the homelab's zone. */
  hour: number;
  minute: number;
  /** Less than a day. */
  durationMs: number;
}

/** @returns when the quiet hours that hold now will end; null when none do. */
export function quietUntil({ hour, minute, durationMs }: QuietHours, now: Date, timezone: string): Date | null {
  // The first start that is less than `durationMs` ago, if it is not still to come.
  const since = new Date(now.getTime() - durationMs);
  const [start] = nextFires({ cron: `${minute} ${hour} * * *`, timezone }, since, 1);
  return start !== undefined && start <= now ? new Date(start.getTime() + durationMs) : null;
}
