/** Whether a service that is down is restarted now, later, or not any more. Pure. */

import type { HealRules } from '#sdk/heal.ts';

/** The workflow that does it. Its runs are no planned rest: the service was down before, and counts as down meanwhile. */
export const HEAL = 'heal';

/** A run that was asked for by an incident of the service. */
export interface HealAttempt {
  run: string;
  incident: string;
  askedAt: number;
  /** Null while it waits or runs. */
  endedAt: number | null;
  /** `left`: it changed nothing, for the service worked or a person had stopped it. `refused`: nobody is to try again. */
  outcome: 'open' | 'restarted' | 'left' | 'refused';
}

export type HealDecision =
  | { do: 'restart'; attempt: number }
  /** Nothing now: at this instant it is looked at again; null: when something else changes. */
  | { do: 'wait'; until: number | null }
  /** The limit is used up: a person is called, once. */
  | { do: 'give up'; restarts: number };

interface Known {
  now: number;
  rules: HealRules;
  /** Open, told, and nothing but the service itself to blame. */
  incident: { id: string; startedAt: number; gaveUpAt: number | null };
  /** When it was last seen not to work. */
  badAt: number;
  /** Of the service, in any order, also for incidents that are over. */
  attempts: readonly HealAttempt[];
}

export function decideHeal({ now, rules, incident, badAt, attempts }: Known): HealDecision {
  const mine = attempts.filter((one) => one.incident === incident.id);
  if (incident.gaveUpAt !== null) return { do: 'wait', until: null };
  if (attempts.some(({ outcome }) => outcome === 'open')) return { do: 'wait', until: null };
  // Cancelled by a person, or a person was called already: it is theirs until it is up again.
  if (mine.some(({ outcome }) => outcome === 'refused')) return { do: 'wait', until: null };
  const lately = attempts.filter(({ askedAt }) => askedAt > now - rules.windowMs);
  const restarts = lately.filter(({ outcome }) => outcome === 'restarted').length;
  // What ended in the future was written before the clock was set back: it counts, but is not waited for.
  const ends = lately.flatMap(({ endedAt }) => (endedAt === null || endedAt > now ? [] : [endedAt]));
  const lastEnd = Math.max(...ends, Number.NEGATIVE_INFINITY);
  // What the last one came to is not known before it was asked again.
  if (badAt <= lastEnd) return { do: 'wait', until: null };
  if (restarts >= rules.attempts) return { do: 'give up', restarts };
  const due = Math.max(incident.startedAt + rules.afterMs, lastEnd + backoffMs(rules, lately.length));
  return due > now ? { do: 'wait', until: due } : { do: 'restart', attempt: mine.length + 1 };
}

/** @param tries how often it was tried lately; 0: nothing is waited for. */
function backoffMs({ backoffMs: first, maxBackoffMs }: HealRules, tries: number): number {
  return tries === 0 ? 0 : Math.min(maxBackoffMs, first * 2 ** (tries - 1));
}
