/** What one check says of its subject: up or down only after enough answers in a row. */
import type { Check, Result } from '#monitor/check.ts';
import { staleAfterMs } from '#monitor/check.ts';

export interface CheckState {
  /** As of the last time that there were enough answers in a row. */
  state: 'unknown' | 'up' | 'down';
  /** Since when (milliseconds). */
  since: number;
  /** Answers of one kind in a row: above 0 good ones, below 0 bad ones. */
  streak: number;
  /** The first of the bad ones in a row. */
  badSince: number | null;
  /** The last answer was bad, and we had the service down ourselves. */
  planned: boolean;
  last: Result;
}

export type View = 'unknown' | 'up' | 'down';

/** A resource that was short must have more room than the limit asks for before it counts as good again. */
const MARGIN = 0.05;

/** The clock was set back when an answer seems to be so much older (milliseconds) than the one before. */
const SET_BACK_MS = 120_000;

/** Pure. @param planned whether our own run had the service when the check was made. */
export function judge(check: Check, before: CheckState | undefined, found: Result, planned: boolean): CheckState {
  const result = { ...found, ok: isGood(check, before, found) };
  if (before === undefined) return count(check, nothingKnown(result), { result, planned });
  const age = result.at - before.last.at;
  // Two workers of one host for a moment, or one that was started anew: one answer counts once. A report is none.
  if (check.ask.kind !== 'heartbeat' && age < check.intervalMs / 4 && age > -SET_BACK_MS) return before;
  const inARow = age >= 0 && age <= staleAfterMs(check);
  return count(check, inARow ? before : { ...before, streak: 0, badSince: null }, { result, planned });
}

function nothingKnown(result: Result): CheckState {
  return { state: 'unknown', since: result.at, streak: 0, badSince: null, planned: false, last: result };
}

function count(
  check: Check,
  before: CheckState,
  { result, planned }: { result: Result; planned: boolean },
): CheckState {
  if (result.ok) return good(check, before, result);
  // It neither counts nor is forgotten: after our run, counting begins anew.
  if (planned) return { ...before, streak: 0, badSince: null, planned: true, last: result };
  const streak = Math.min(before.streak, 0) - 1;
  const badSince = before.badSince ?? result.at;
  const next = { ...before, streak, badSince, planned: false, last: result };
  return before.state !== 'down' && -streak >= check.failureThreshold
    ? { ...next, state: 'down', since: badSince }
    : next;
}

function good(check: Check, before: CheckState, result: Result): CheckState {
  const streak = Math.max(before.streak, 0) + 1;
  const next = { ...before, streak, badSince: null, planned: false, last: result };
  const enough = before.state === 'unknown' || (before.state === 'down' && streak >= check.successThreshold);
  return enough ? { ...next, state: 'up', since: result.at } : next;
}

function isGood({ ask }: Check, before: CheckState | undefined, { ok, value }: Result): boolean {
  if (ask.kind !== 'resource' || value === null) return ok;
  return value < (before?.state === 'down' ? ask.limit * (1 - MARGIN) : ask.limit);
}

/** What is known now: nothing, when the last word is too old. */
export function viewOf(check: Check, state: CheckState | undefined, now: number): View {
  if (state === undefined || now - state.last.at > staleAfterMs(check)) return 'unknown';
  return state.state;
}
