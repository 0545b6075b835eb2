/** Instants in the zone of the homelab; the zone itself is told once, by whoever shows them. */

/** A zone and the instant that is now. */
export interface Moment {
  zone: string;
  now: Date;
}

/** `02:14` today, `2026-03-01 02:14` on any other day, `–` when there is none. */
export function when(iso: string | null, moment: Moment): string {
  if (iso === null) return '–';
  const { day, time } = parts(new Date(iso), moment.zone);
  return day === parts(moment.now, moment.zone).day ? time.slice(0, 5) : `${day} ${time.slice(0, 5)}`;
}

/** `2026-03-01 02:14:05`, whatever day it is. */
export function fullTime(iso: string, zone: string): string {
  const { day, time } = parts(new Date(iso), zone);
  return `${day} ${time}`;
}

/** `02:14:05`. */
export function clock(iso: string, zone: string): string {
  return parts(new Date(iso), zone).time;
}

/** `CET`, or `GMT+2` where a zone has no letters of its own. */
export function zoneName(moment: Moment): string {
  // Each locale has letters for the zones of its own continent alone.
  const names = ['en-US', 'en-GB', 'en-AU'].map((locale) => localName(locale, moment));
  return names.find((name) => /^[A-Z]+$/.test(name)) ?? names[0] ?? moment.zone;
}

function localName(locale: string, { zone, now }: Moment): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' }).formatToParts(now);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? zone;
}

/** The instant at which the clocks of a zone show this wall time; of two (autumn) the first. */
export function wallTime(text: string, zone: string): Date {
  const asUtc = Date.parse(`${text}Z`);
  // The offset is looked up at a guess, and again at the corrected guess: near a change of clocks they differ.
  const guess = asUtc - offset(asUtc, zone);
  return new Date(asUtc - offset(guess, zone));
}

/** The day in the zone, `2026-03-01`. */
export function dayOf(date: Date, zone: string): string {
  return parts(date, zone).day;
}

function offset(instant: number, zone: string): number {
  const { day, time } = parts(new Date(instant), zone);
  return Date.parse(`${day}T${time}Z`) - Math.floor(instant / 1000) * 1000;
}

function parts(date: Date, zone: string): { day: string; time: string } {
  // The Swedish locale writes ISO dates.
  const text = date.toLocaleString('sv-SE', { timeZone: zone });
  return { day: text.slice(0, 10), time: text.slice(11, 19) };
}
