/** Who is told of an event: the channels of all routes that mean it, each now or when its quiet hours end. */
import { type QuietHours, quietUntil } from '#notify/quiet-hours.ts';
import { matchesEvent } from '#sdk/events.ts';

export interface Route {
  /** Names of events, or patterns such as `*_failed`. */
  events: readonly string[];
  /** Null: all services. */
  services: readonly string[] | null;
  channels: readonly string[];
  quietHours: QuietHours | null;
}

export interface Recipient {
  channel: string;
  /** Null: at once. */
  quietUntil: Date | null;
}

/** A channel that several routes name is told as early as any of them says. */
export function recipientsOf(
  happened: { event: string; service: string },
  routes: readonly Route[],
  { now, timezone }: { now: Date; timezone: string },
): Recipient[] {
  const earliest = new Map<string, Date | null>();
  for (const route of routes) {
    if (!means(route, happened)) continue;
    const until = route.quietHours === null ? null : quietUntil(route.quietHours, now, timezone);
    for (const channel of route.channels) {
      const known = earliest.get(channel);
      if (known === null || (known !== undefined && until !== null && known <= until)) continue;
      earliest.set(channel, until);
    }
  }
  return [...earliest].map(([channel, until]) => ({ channel, quietUntil: until }));
}

function means({ events, services }: Route, { event, service }: { event: string; service: string }): boolean {
  return events.some((pattern) => matchesEvent(pattern, event)) && (services === null || services.includes(service));
}
