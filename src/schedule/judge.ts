/** What becomes of slots that are due: a pure function from the rules and what is known now, asked again after a crash. */
import type { Cause, Reason } from '#schedule/fire.ts';
import type { Planner, Slot } from '#schedule/planner.ts';
import type { Schedule } from '#schedule/rules.ts';

/** A run that is asked for within this time counts as on time: a controller may just be starting again. */
export const ON_TIME_MS = 60_000;

/** A host without a worker for less than this may be just starting: what is due there is asked for all the same. */
const AWAY_MS = 60_000;

const YEAR_MS = 366 * 86_400_000;

export interface Facts {
  now: number;
  paused: boolean;
  /** The schedule is not in the configuration any more. */
  removed: boolean;
  /** How long (milliseconds) no worker has been there for the service's host; null when one is there. */
  awayMs: number | null;
  /** A run of the same workflow on the same service has not ended. */
  unfinished: boolean;
  /** Further slots are due that are judged later. */
  more: boolean;
  /** Nothing may be left open: the schedule is replaced by another. */
  final: boolean;
  cause(slot: Slot): Cause;
}

/** Why a late slot is not caught up. */
export type Refusal = 'catch_up_none' | 'superseded' | 'too_late' | 'no_window' | 'next_is_due';

export type Verdict = { slot: Slot } & (
  | { is: 'ran'; lateMs: number }
  /** `startAt` is later than now where the window is closed or a blackout holds. */
  | { is: 'caught_up'; reason: Cause; startAt: number; lateMs: number }
  | { is: 'skipped'; reason: Extract<Reason, 'overlap' | 'paused' | 'blackout' | 'outside_window' | 'host_away'> }
  | { is: 'missed'; reason: Cause; refusal: Refusal }
  | { is: 'missed'; reason: 'removed'; refusal: null }
);

/**
 * @param due the slots that are due, in order.
 * @returns a verdict for each, or for the first ones when the rest waits for a host that is away.
 */
export function judge(schedule: Schedule, planner: Planner, { due, facts }: { due: Slot[]; facts: Facts }): Verdict[] {
  const newest = facts.more ? undefined : due.findLast((slot) => slot.barred === null);
  const last = due.at(-1);
  if (last === undefined) return [];
  const verdicts: Verdict[] = [];
  let unfinished = facts.unfinished;
  for (const slot of due) {
    const verdict = judgeOne({ schedule, planner, facts: { ...facts, unfinished }, newest, last }, slot);
    if (verdict === 'open') break;
    if (verdict.is === 'ran' || verdict.is === 'caught_up') unfinished = true;
    verdicts.push(verdict);
  }
  return verdicts;
}

interface Case {
  schedule: Schedule;
  planner: Planner;
  facts: Facts;
  /** The newest slot that may start at all; `undefined`: it is judged later. */
  newest: Slot | undefined;
  /** The last one that is due. */
  last: Slot;
}

function judgeOne(around: Case, slot: Slot): Verdict | 'open' {
  const { schedule, facts } = around;
  if (slot.barred !== null) return { slot, is: 'skipped', reason: slot.barred };
  if (facts.removed) return { slot, is: 'missed', reason: 'removed', refusal: null };
  if (facts.paused) return { slot, is: 'skipped', reason: 'paused' };
  const lateMs = Math.max(0, facts.now - slot.due);
  const late = lateMs > ON_TIME_MS;
  // What is late is in no hurry, so it waits from the first moment on.
  if (facts.awayMs !== null && (late || facts.awayMs >= AWAY_MS)) return whileAway(around, slot, late);
  if (late) return judgeLate(around, slot);
  return mayStart(schedule, facts) ? { slot, is: 'ran', lateMs } : { slot, is: 'skipped', reason: 'overlap' };
}

/** A slot may wait for its host as long as it could be caught up; then its run starts when the host is back. */
function whileAway(around: Case, slot: Slot, late: boolean): Verdict | 'open' {
  const { schedule, facts, newest } = around;
  const { catchUp, catchUpWindowMs } = schedule;
  const wanted = catchUp === 'all' || (catchUp === 'last' && slot === newest);
  if (wanted && facts.now - slot.due <= catchUpWindowMs) {
    return facts.final ? { slot, is: 'skipped', reason: 'host_away' } : 'open';
  }
  return late ? judgeLate(around, slot) : { slot, is: 'skipped', reason: 'host_away' };
}

function judgeLate({ schedule, planner, facts, newest, last }: Case, slot: Slot): Verdict {
  const reason = facts.cause(slot);
  const missed = (refusal: Refusal): Verdict =>
    reason === 'host_away' ? { slot, is: 'skipped', reason } : { slot, is: 'missed', reason, refusal };
  const { catchUp, catchUpWindowMs } = schedule;
  if (catchUp === 'none') return missed('catch_up_none');
  if (catchUp === 'last' && slot !== newest) return missed('superseded');
  if (facts.now - slot.due > catchUpWindowMs) return missed('too_late');
  const startAt = planner.permittedFrom(facts.now);
  if (startAt === undefined || startAt - slot.due > catchUpWindowMs) return missed('no_window');
  if (startAt > facts.now && startAt >= nextDue(planner, last)) return missed('next_is_due');
  // All of them are wanted, one after the other: they do not stand in each other's way.
  if (catchUp !== 'all' && !mayStart(schedule, facts)) return { slot, is: 'skipped', reason: 'overlap' };
  return { slot, is: 'caught_up', reason, startAt, lateMs: startAt - slot.due };
}

function mayStart({ overlap }: Schedule, { unfinished }: Facts): boolean {
  return overlap !== 'skip' || !unfinished;
}

/** When the schedule starts by itself the next time. */
function nextDue(planner: Planner, last: Slot): number {
  for (let slot = planner.after(last.nominal); slot !== undefined; slot = planner.after(slot.nominal)) {
    if (slot.barred === null) return slot.due;
    // A year of nothing but barred slots: nothing that a catch-up should wait for.
    if (slot.nominal > last.nominal + YEAR_MS) break;
  }
  return Number.POSITIVE_INFINITY;
}
