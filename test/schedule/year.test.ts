/** A year in every zone: what the calendar says, held against an oracle that steps through each minute. */
import { afterAll, expect, test } from 'vitest';
import { cronCalendar } from '#schedule/calendar.ts';
import { openPattern } from '#schedule/pattern.ts';
import { openZone } from '#schedule/zone.ts';
import { firesOf, minutesOf } from '#test/schedule/oracle.ts';

const CRONS = [
  '0 3 * * *',
  '30 2 * * *',
  '*/20 1-3 * * *',
  '0 0 * * *',
  '59 23 * * 6',
  '15,45 2 1,15 * *',
  '5 */6 * 3,10 *',
  '0 0 31 * *',
] as const;

const patterns = CRONS.map(openPattern);
const zones = Intl.supportedValuesOf('timeZone');
const { TZ } = process.env;

afterAll(() => {
  if (TZ === undefined) delete process.env['TZ'];
  else process.env['TZ'] = TZ;
});

/** The schedules of this zone and year for which calendar and oracle differ, and how often all of them fired. */
function compared(name: string, year: number, minutes = minutesOf(CRONS, year)): { wrong: string[]; count: number } {
  const expected = firesOf(minutes, name, year);
  const zone = openZone(name);
  const end = Date.UTC(year + 1, 0, 1);
  const wrong: string[] = [];
  let count = 0;
  for (const [index, pattern] of patterns.entries()) {
    const calendar = cronCalendar(pattern, zone);
    const fires: number[] = [];
    for (let at = calendar.next(Date.UTC(year, 0, 1) - 1); at !== undefined && at < end; at = calendar.next(at)) {
      fires.push(at);
    }
    count += fires.length;
    const same = fires.length === expected[index]?.length && fires.every((at, i) => at === expected[index]?.[i]);
    if (!same) wrong.push(`${name} ${year}: ${CRONS[index]}`);
  }
  return { wrong, count };
}

test('in a year and in every zone each schedule fires exactly when the oracle says', { timeout: 60_000 }, () => {
  const minutes = minutesOf(CRONS, 2026);

  const results = zones.map((name) => compared(name, 2026, minutes));

  expect(results.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(zones.length).toBeGreaterThan(400);
  expect(results.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(1_000_000);
});

test.each([
  ['a day that does not exist', 'Pacific/Apia', 2011],
  ['a fast before which clocks go back and after which they go forward', 'Africa/Casablanca', 2018],
  ['half an hour', 'Australia/Lord_Howe', 2024],
  ['two hours', 'Antarctica/Troll', 2024],
  ['a half-hour step for good', 'Asia/Pyongyang', 2018],
  ['clocks set at midnight', 'Asia/Beirut', 2021],
  ['four changes in a year', 'Africa/Cairo', 2014],
  ['quarters of an hour', 'Pacific/Chatham', 2025],
])('a year with %s is no different: %s %i', (_title, name, year) => {
  expect(compared(name, year).wrong).toEqual([]);
});
