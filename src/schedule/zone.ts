/** The clocks of one time zone: what they show at an instant, and when they show something for the first time. */

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** Days whose offsets are remembered: a year and a half of forecasts, then it starts anew. */
const MOST_DAYS = 600;

/** `wall`: what the clocks show, as milliseconds that would be the instant in UTC. */
export interface Zone {
  name: string;
  wallAt(instant: number): number;
  /**
   * When the clocks show it. Of a time that comes twice the first; of one that does not exist the next instant that
   * does, which is when the clocks are set forward. Never decreases from one wall time to a later one.
   */
  instantOf(wall: number): number;
}

/** Within one day of UTC clocks are set at most once: `at` is the first instant of the new offset. */
interface Day {
  before: number;
  after: number;
  at: number;
}

/** @throws RangeError when there is no such zone. */
export function openZone(name: string): Zone {
  const offset = offsetReader(name);
  const days = new Map<number, Day>();

  function day(index: number): Day {
    const known = days.get(index);
    if (known !== undefined) return known;
    if (days.size >= MOST_DAYS) days.clear();
    const found = readDay(offset, index * DAY_MS);
    days.set(index, found);
    return found;
  }

  function offsetAt(instant: number): number {
    const { before, after, at } = day(Math.floor(instant / DAY_MS));
    return instant < at ? before : after;
  }

  return {
    name,
    wallAt: (instant) => instant + offsetAt(instant),
    instantOf(wall) {
      // No zone is a day away from UTC, so the clocks show it between these two.
      const early = offsetAt(wall - DAY_MS);
      const late = offsetAt(wall + DAY_MS);
      if (early === late) return wall - early;
      const at = changeAfter(day, Math.floor((wall - DAY_MS) / DAY_MS), early);
      if (wall < at + early) return wall - early;
      return wall >= at + late ? wall - late : at;
    },
  };
}

function changeAfter(day: (index: number) => Day, first: number, offset: number): number {
  for (let index = first; index <= first + 2; index++) {
    const { after, at } = day(index);
    if (after !== offset && at !== Number.POSITIVE_INFINITY) return at;
  }
  return Number.POSITIVE_INFINITY;
}

function readDay(offset: (instant: number) => number, start: number): Day {
  const before = offset(start);
  const after = offset(start + DAY_MS);
  if (before === after) return { before, after, at: Number.POSITIVE_INFINITY };
  let low = start;
  let high = start + DAY_MS;
  while (high - low > SECOND_MS) {
    const middle = low + Math.floor((high - low) / 2 / SECOND_MS) * SECOND_MS;
    if (offset(middle) === before) low = middle;
    else high = middle;
  }
  return { before, after, at: high };
}

/** How far the clocks are ahead of UTC, in milliseconds, at a full second. */
function offsetReader(timeZone: string): (instant: number) => number {
  const part = 'numeric';
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: part,
    month: part,
    day: part,
    hour: part,
    minute: part,
    second: part,
  });
  return (instant) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = format
      .format(instant)
      .split(/\D+/)
      .map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - instant;
  };
}
