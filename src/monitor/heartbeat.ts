/** Heartbeats: what must report every so often, and is down while it stays silent. Nobody asks it. */
import { formatDuration } from '#kernel/duration.ts';
import type { Check, Result } from '#monitor/check.ts';
import { staleAfterMs, wordOf } from '#monitor/check.ts';
import type { CheckState } from '#monitor/judge.ts';

/**
 * The results with a judgement of silence in place of each report, and one for each heartbeat that was not judged for
 * an interval. Its `value` is the instant (milliseconds) from which silence counts.
 */
export function withHeartbeats(
  states: ReadonlyMap<string, CheckState>,
  results: readonly Result[],
  { now, checks }: { now: number; checks: ReadonlyMap<string, Check> },
): Result[] {
  const beats = Map.groupBy(results, ({ check }) => checks.get(check)?.ask.kind === 'heartbeat');
  const reports = beats.get(true) ?? [];
  const judged = [...checks.values()].flatMap((check): Result[] => {
    const { ask } = check;
    if (ask.kind !== 'heartbeat') return [];
    const before = states.get(check.id)?.last;
    const mine = reports.filter((report) => report.check === check.id).map(({ at }) => at);
    const due = before === undefined || Math.abs(now - before.at) >= check.intervalMs;
    return due || mine.length > 0 ? [judgedOf(check, ask, { before, reports: mine, now })] : [];
  });
  return [...(beats.get(false) ?? []), ...judged];
}

type Heartbeat = Extract<Check['ask'], { kind: 'heartbeat' }>;

interface Known {
  before: Result | undefined;
  /** Instants of the reports that have come since (milliseconds). */
  reports: readonly number[];
  now: number;
}

function judgedOf(check: Check, ask: Heartbeat, known: Known): Result {
  const { now } = known;
  const from = silentFrom(check, known);
  const silentMs = now - from;
  const ok = silentMs <= ask.everyMs;
  const before = known.before?.heardAt;
  const heard = before === undefined ? known.reports : [...known.reports, before];
  const silent = formatDuration(Math.round(silentMs / 1_000) * 1_000);
  return {
    check: check.id,
    item: null,
    asked: wordOf(ask),
    ok,
    detail: ok ? 'reports' : `it has not reported for ${silent}, and is to report every ${formatDuration(ask.everyMs)}`,
    tookMs: 0,
    value: from,
    ...(heard.length === 0 ? {} : { heardAt: Math.max(...heard) }),
    at: now,
  };
}

/** Time in which nobody listened does not count: what was said then may have been lost. */
function silentFrom(check: Check, { before, reports, now }: Known): number {
  const lookedAt = before?.at ?? now;
  const deafMs = now - lookedAt > staleAfterMs(check) ? now - lookedAt : 0;
  const known = (before?.value ?? now) + deafMs;
  // A clock that was set back must not leave an instant that is still to come.
  return Math.min(now, Math.max(known, ...reports));
}
