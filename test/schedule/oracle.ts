/** When a cron schedule fires, found independently: a year is stepped through minute by minute. */

// No library and no search here, and the clocks not from `Intl` but from `Date` in a process whose TZ is the zone.

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** No zone changes its clocks at another minute than a full quarter of an hour. */
const QUARTER = 15;

/** Which minutes of the wall clock are meant: one bit for each schedule. Days around the year belong to it. */
export interface Minutes {
  start: number;
  bits: Uint8Array;
}

/** Up to eight expressions of five fields with numbers, lists, ranges and steps. */
export function minutesOf(crons: readonly string[], year: number): Minutes {
  const start = Date.UTC(year, 0, 1) - 2 * DAY_MS;
  const bits = new Uint8Array((Date.UTC(year + 1, 0, 1) + 2 * DAY_MS - start) / MINUTE_MS);
  const fields = crons.map((cron) =>
    cron.split(' ').map((field, position) => {
      const [low = 0, high = 0] = LIMITS[position] ?? [];
      return members(field, low, high);
    }),
  );
  for (let i = 0; i < bits.length; i++) {
    const at = new Date(start + i * MINUTE_MS);
    const clock = [at.getUTCMinutes(), at.getUTCHours(), at.getUTCDate(), at.getUTCMonth() + 1, at.getUTCDay()];
    let meant = 0;
    for (const [index, members] of fields.entries()) {
      if (members.every((values, position) => values[clock[position] ?? -1])) meant |= 1 << index;
    }
    bits[i] = meant;
  }
  return { start, bits };
}

const LIMITS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

function members(field: string, low: number, high: number): boolean[] {
  const meant: boolean[] = [];
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/');
    const [from = low, to = from] = range === '*' ? [low, high] : range.split('-').map(Number);
    for (let value = from; value <= to; value += Number(step)) meant[value] = true;
  }
  return meant;
}

/**
 * The policy, told once more: a minute of the wall clock fires when the clock shows it for the first time; minutes that
 * it leaps over fire together at the minute that it leaps to.
 * @returns for each schedule its instants in this year.
 */
export function firesOf({ start, bits }: Minutes, timezone: string, year: number): number[][] {
  const fires: number[][] = Array.from({ length: 8 }, () => []);
  const first = Date.UTC(year, 0, 1);
  const end = Date.UTC(year + 1, 0, 1);
  process.env['TZ'] = timezone;
  // The latest minute that the wall clock has shown, as an index into `bits`.
  let shown = indexOf(first - MINUTE_MS, start);
  for (let quarter = first; quarter < end; quarter += QUARTER * MINUTE_MS) {
    const from = indexOf(quarter, start);
    for (let step = 0; step < QUARTER; step++) {
      let meant = 0;
      for (; shown < from + step; shown++) meant |= bits[shown + 1] ?? 0;
      if (meant === 0) continue;
      const at = quarter + step * MINUTE_MS;
      for (let index = 0; index < 8; index++) if ((meant & (1 << index)) !== 0) fires[index]?.push(at);
    }
  }
  return fires;
}

function indexOf(instant: number, start: number): number {
  const offset = new Date(instant).getTimezoneOffset();
  return (instant - start) / MINUTE_MS - offset;
}
