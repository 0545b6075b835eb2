/** Decides which sets stay: the rules of `restic forget`, and the three promises that no rule can break. */

import { calendarOf } from '#archive/calendar.ts';
import type { SetSummary } from '#sdk/kinds/destination.ts';
import type { Retention } from '#sdk/retention.ts';

type Candidate = Pick<SetSummary, 'id' | 'createdAt' | 'verifiedAt' | 'pinned' | 'purpose'>;

/** How long what a rollback replaced is kept, counted to the newest set: time enough to look at it. */
const ASIDE_MS = 7 * 86_400_000;

export interface RetentionDecision<S extends Candidate = Candidate> {
  set: S;
  keep: boolean;
  /** Why it is kept, or the one reason why it is not: for people. */
  reasons: string[];
}

/**
 * Newest first. As with `restic forget`, every rule goes through all sets from the newest to the oldest and keeps the
 * newest one of each hour, day … until it has kept its number; a set is kept when any rule keeps it; and without any
 * rule all are kept. (Newer versions of restic keep the oldest set besides when a rule has not found its number.)
 * Beyond the rules: a pinned set stays, the newest verified set stays, and `min_keep` sets stay. What a rollback
 * replaced is no backup: it takes no backup's place under any rule, and goes a week later.
 */
export function decideRetention<S extends Candidate>(sets: readonly S[], policy: Retention): RetentionDecision<S>[] {
  const all = newestFirst(sets);
  const backups = decideBackups(
    all.filter(({ purpose }) => purpose === 'backup'),
    policy,
  );
  const aside = decideAside(
    all.filter(({ purpose }) => purpose !== 'backup'),
    all[0],
  );
  const decisions = new Map([...backups, ...aside].map((decision) => [decision.set, decision]));
  return all.flatMap((set) => decisions.get(set) ?? []);
}

function newestFirst<S extends Candidate>(sets: readonly S[]): S[] {
  return sets.toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || (a.id < b.id ? -1 : 1));
}

function decideAside<S extends Candidate>(sets: readonly S[], newest: Candidate | undefined): RetentionDecision<S>[] {
  const limit = newest === undefined ? 0 : Date.parse(newest.createdAt) - ASIDE_MS;
  return sets.map((set) => {
    const young = Date.parse(set.createdAt) > limit;
    const reasons = [
      ...(young ? ['replaced by a rollback less than 7 days before'] : []),
      ...(set.pinned ? ['pinned'] : []),
    ];
    return {
      set,
      keep: reasons.length > 0,
      reasons: reasons.length > 0 ? reasons : ['replaced by a rollback long ago'],
    };
  });
}

function decideBackups<S extends Candidate>(ordered: readonly S[], policy: Retention): RetentionDecision<S>[] {
  const rules = rulesOf(policy, ordered[0]);
  const decisions = ordered.map((set) => {
    const reasons = rules.flatMap((rule) => rule(set) ?? []);
    if (set.pinned) reasons.push('pinned');
    return { set, keep: reasons.length > 0, reasons };
  });
  const newestVerified = decisions.find(({ set }) => set.verifiedAt !== null);
  if (newestVerified !== undefined) keep(newestVerified, 'the newest verified set');
  let missing = policy.min_keep - decisions.filter((decision) => decision.keep).length;
  for (const decision of decisions) {
    if (decision.keep || missing <= 0) continue;
    keep(decision, `min_keep ${policy.min_keep}`);
    missing -= 1;
  }
  for (const decision of decisions) if (!decision.keep) decision.reasons.push('no rule keeps it');
  return decisions;
}

function keep(decision: RetentionDecision, reason: string): void {
  decision.keep = true;
  decision.reasons.push(reason);
}

/** Gives the reason to keep a set, if it has one. To be asked in order, newest first. */
type Rule = (set: Candidate) => string | undefined;

function rulesOf(policy: Retention, newest: Candidate | undefined): Rule[] {
  const calendar = calendarOf(policy.timezone);
  const period = (unit: 'hour' | 'day' | 'week' | 'month' | 'year') => (set: Candidate) =>
    calendar(new Date(set.createdAt))[unit];
  const rules = [
    countRule('keep_last', policy.keep_last, ({ id }) => id),
    countRule('keep_hourly', policy.keep_hourly, period('hour')),
    countRule('keep_daily', policy.keep_daily, period('day')),
    countRule('keep_weekly', policy.keep_weekly, period('week')),
    countRule('keep_monthly', policy.keep_monthly, period('month')),
    countRule('keep_yearly', policy.keep_yearly, period('year')),
    withinRule(policy.keep_within_ms, newest),
  ].filter((rule) => rule !== undefined);
  return rules.length > 0 ? rules : [() => 'there is no retention rule'];
}

function countRule(name: string, count: number | undefined, bucket: (set: Candidate) => string): Rule | undefined {
  if (count === undefined || count === 0) return undefined;
  let kept = 0;
  let last: string | undefined;
  return (set) => {
    const current = bucket(set);
    if (kept >= count || current === last) return undefined;
    kept += 1;
    last = current;
    return `${name} ${count}${name === 'keep_last' ? '' : ` (${current})`}`;
  };
}

function withinRule(ms: number | undefined, newest: Candidate | undefined): Rule | undefined {
  if (ms === undefined || ms === 0 || newest === undefined) return undefined;
  const limit = Date.parse(newest.createdAt) - ms;
  return (set) => (Date.parse(set.createdAt) > limit ? 'keep_within' : undefined);
}
