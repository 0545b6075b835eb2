/** The hour, day, week, month and year of an instant, as the people of a time zone count them. */

/** Names such as `2026-W05`: two instants in the same period have the same name. */
export interface Periods {
  hour: string;
  day: string;
  week: string;
  month: string;
  year: string;
}

export function calendarOf(timezone: string): (instant: Date) => Periods {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
  });
  return (instant) => {
    const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    const year = parts.get('year') ?? '';
    const month = `${year}-${parts.get('month')}`;
    const day = `${month}-${parts.get('day')}`;
    return { year, month, day, hour: `${day} ${parts.get('hour')}:00`, week: isoWeek(day) };
  };
}

const DAY_MS = 86_400_000;

/** ISO 8601: a week begins on Monday and belongs to the year that has its Thursday. */
function isoWeek(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  const thursday = new Date(date.getTime() + (3 - ((date.getUTCDay() + 6) % 7)) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY_MS / 7) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
