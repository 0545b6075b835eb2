/** How the time between two answers counts: up, down, or planned. What nobody knows counts as nothing. */
import type { Check, Result } from '#monitor/check.ts';
import { staleAfterMs } from '#monitor/check.ts';
import type { CheckState } from '#monitor/judge.ts';
import type { Delta } from '#monitor/world.ts';

type Class = 'up' | 'down' | 'planned';

/** The time since a check's own last answer, and the answer itself. */
export function ofCheck(
  key: string,
  check: Check,
  { before, after }: { before: CheckState | undefined; after: CheckState },
): Delta {
  const { last } = after;
  const time = between(before?.last.at, last.at, staleAfterMs(check));
  return {
    ...emptyDelta(key, last.at),
    ...timed(classOf(after), time),
    count: 1,
    bad: last.ok ? 0 : 1,
    // Nobody asked, so nobody waited for the answer.
    tookMs: last.ok && check.ask.kind !== 'heartbeat' ? last.tookMs : null,
  };
}

/** The time since anything of the subject answered: as bad as the worst of its checks. */
export function ofSubject(
  subject: string,
  result: Pick<Result, 'at'>,
  { since, states, longestMs }: { since: number | undefined; states: readonly CheckState[]; longestMs: number },
): Delta {
  const time = between(since, result.at, longestMs);
  return { ...emptyDelta(subject, result.at), ...timed(worst(states.map(classOf)), time) };
}

function emptyDelta(key: string, at: number): Delta {
  return { key, at, upMs: 0, downMs: 0, plannedMs: 0, count: 0, bad: 0, tookMs: null };
}

function between(since: number | undefined, at: number, longestMs: number): number {
  if (since === undefined || at <= since) return 0;
  // Longer than that, nobody knows.
  return at - since > longestMs ? 0 : at - since;
}

function timed(how: Class, ms: number): Pick<Delta, 'upMs' | 'downMs' | 'plannedMs'> {
  return { upMs: how === 'up' ? ms : 0, downMs: how === 'down' ? ms : 0, plannedMs: how === 'planned' ? ms : 0 };
}

function classOf({ last, planned }: CheckState): Class {
  if (last.ok) return 'up';
  return planned ? 'planned' : 'down';
}

function worst(classes: readonly Class[]): Class {
  if (classes.includes('down')) return 'down';
  return classes.includes('planned') ? 'planned' : 'up';
}
