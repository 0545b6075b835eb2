/** What becomes of an event for each of its channels: told now, told when quiet hours end, or held back by the cooldown. */
import { type Route, recipientsOf } from '#notify/routes.ts';

/** What a channel was told of the same event of the same service. */
export interface Recent {
  /** ISO 8601, of the last one that was not held back; null when there was none. */
  at: string | null;
  /** How many were held back since. */
  held: number;
}

export interface Policy {
  routes: readonly Route[];
  cooldownMs: number;
  timezone: string;
}

export type Verdict =
  | { channel: string; as: 'waiting'; dueAt: Date; held: number; since: string | null }
  | { channel: string; as: 'quiet'; dueAt: Date }
  | { channel: string; as: 'held' };

/** @param recent asked for each channel that is told at once. */
export function decide(
  happened: { event: string; service: string; at: Date },
  { routes, cooldownMs, timezone }: Policy,
  recent: (channel: string) => Recent,
): Verdict[] {
  const { at } = happened;
  return recipientsOf(happened, routes, { now: at, timezone }).map(({ channel, quietUntil }): Verdict => {
    // Quiet hours end in one digest, so there is nothing to hold back from it.
    if (quietUntil !== null) return { channel, as: 'quiet', dueAt: quietUntil };
    const last = recent(channel);
    const cool = last.at !== null && at.getTime() - Date.parse(last.at) < cooldownMs;
    return cool
      ? { channel, as: 'held' }
      : { channel, as: 'waiting', dueAt: at, held: last.held, since: last.held === 0 ? null : last.at };
  });
}
