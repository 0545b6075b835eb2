/** Cron expressions: what a user may write, and when it fires. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { cronCalendar } from '#schedule/calendar.ts';
import { openPattern } from '#schedule/pattern.ts';
import { openZone } from '#schedule/zone.ts';

/** A cron expression that was checked, with the IANA zone whose clock it follows. */
export interface CronSpec {
  cron: string;
  timezone: string;
}

const NICKNAMES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

/**
 * Accepts five fields (minute hour day month weekday), six (seconds first), or a nickname such as `@daily`.
 * @throws HA_USAGE that says which part is wrong.
 */
export function parseCron(text: string, timezone: string): CronSpec {
  const cron = text.trim();
  if (cron.startsWith('@')) {
    if (!NICKNAMES.includes(cron.toLowerCase())) throw bad(text, `the short forms are ${NICKNAMES.join(', ')}`);
  } else {
    // Checked here because the library also takes a date, which fires once and never again.
    const fields = cron === '' ? 0 : cron.split(/\s+/).length;
    if (fields !== 5 && fields !== 6) throw bad(text, `it has ${fields} fields; 5 are needed, or 6 with seconds first`);
  }
  try {
    openPattern(cron);
  } catch (error) {
    throw bad(text, errorText(error).replace(/^CronPattern: /, ''));
  }
  return { cron, timezone };
}

/** The instants after `from` at which the schedule fires, at most `count`; fewer when it never fires again. */
export function nextFires({ cron, timezone }: CronSpec, from: Date, count: number): Date[] {
  const calendar = cronCalendar(openPattern(cron), openZone(timezone));
  const fires: Date[] = [];
  for (let at = calendar.next(from.getTime()); at !== undefined && fires.length < count; at = calendar.next(at)) {
    fires.push(new Date(at));
  }
  return fires;
}

function bad(text: string, reason: string): AutopilotError {
  return new AutopilotError('HA_USAGE', `"${text}" is not a cron expression: ${reason}`);
}
