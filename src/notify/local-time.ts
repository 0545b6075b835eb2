/** Instants as the people of a homelab read them. */

/** `2026-03-01 02:14:05 GMT+1`: a message is read later and elsewhere, so it says day and zone. */
export function localTime(iso: string, timezone: string): string {
  const date = new Date(iso);
  const zone = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, timeZoneName: 'short' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName');
  // The Swedish locale writes ISO dates.
  return `${date.toLocaleString('sv-SE', { timeZone: timezone })} ${zone?.value ?? timezone}`;
}
