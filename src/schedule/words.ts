/** Dispositions and rules as people read them. */
import { formatDuration } from '#kernel/duration.ts';
import type { Reason } from '#schedule/fire.ts';
import type { Refusal, Verdict } from '#schedule/judge.ts';
import type { Schedule, ScheduleRules } from '#schedule/rules.ts';

const SECOND_MS = 1_000;

/** `0 3 * * *` or `every 6h`. */
export function whenWords({ cron, everyMs }: Pick<ScheduleRules, 'cron' | 'everyMs'>): string {
  return everyMs === null ? (cron ?? '') : `every ${formatDuration(everyMs)}`;
}

export const REASON_WORDS: Record<Reason, string> = {
  overlap: 'the run before had not ended',
  paused: 'the schedule was paused',
  blackout: 'a blackout held',
  outside_window: 'it was outside the window',
  host_away: 'no worker was there for its host',
  controller_down: 'the controller was not running',
  asleep: 'the machine of the controller slept, or its clock was set forward',
  late: 'nobody asked in time: Redis was away, or the controller was very busy',
  removed: 'the schedule was taken out of the configuration',
  no_plan: 'no run could be planned',
};

/** Why a slot that is still to come will be skipped. */
export const COMING_WORDS: Partial<Record<Reason, string>> = {
  paused: 'the schedule is paused',
  blackout: 'a blackout holds then',
  outside_window: 'it is outside the window',
};

/** The reason of a verdict in a sentence; null when it ran on time. */
export function verdictWords(verdict: Verdict, { host, catchUpWindowMs }: Schedule): string | null {
  switch (verdict.is) {
    case 'ran':
      return null;
    case 'caught_up':
      return `${lateWords(verdict.lateMs)} late: ${REASON_WORDS[verdict.reason]}`;
    case 'skipped':
      return verdict.reason === 'host_away' ? `no worker was there for host ${host}` : REASON_WORDS[verdict.reason];
    case 'missed': {
      const { reason, refusal } = verdict;
      return `${REASON_WORDS[reason]}${refusal === null ? '' : `; ${refusalWords(refusal, catchUpWindowMs)}`}`;
    }
  }
}

function lateWords(ms: number): string {
  return formatDuration(Math.round(ms / SECOND_MS) * SECOND_MS);
}

function refusalWords(refusal: Refusal, catchUpWindowMs: number): string {
  switch (refusal) {
    case 'catch_up_none':
      return 'catch_up is none';
    case 'superseded':
      return 'a later one stands for it';
    case 'too_late':
      return `it is more than ${formatDuration(catchUpWindowMs)} ago (catch_up_window)`;
    case 'no_window':
      return `nothing may start within ${formatDuration(catchUpWindowMs)} of it (window, blackout, catch_up_window)`;
    case 'next_is_due':
      return 'before anything may start again the next one is due';
  }
}
