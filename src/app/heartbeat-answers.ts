/** What is known of heartbeats, for who asks now: nobody can ask them, so it is read from what the controller heard. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { heartbeatsOf } from '#app/checks.ts';
import type { Config, ServiceConfig } from '#config/types.ts';
import { formatDuration } from '#kernel/duration.ts';
import type { Check } from '#monitor/check.ts';
import { staleAfterMs, wordOf } from '#monitor/check.ts';
import type { CheckState } from '#monitor/judge.ts';
import { readDatabase } from '#store/database.ts';
import { createHealthLog } from '#store/health-log.ts';

export interface HeartbeatAnswer {
  service: string;
  host: string;
  check: string;
  asked: string;
  state: 'good' | 'bad' | 'unknown';
  detail: string;
  /** Null: it has not reported, as far as is known. */
  lastAt: string | null;
  /** Until when it is to report; null when nobody has listened. */
  dueAt: string | null;
}

/** Of the services that have some, in their order. */
export function heartbeatAnswers(config: Config, services: readonly ServiceConfig[], now: number): HeartbeatAnswer[] {
  const all = services.flatMap((service) =>
    heartbeatsOf(service, config).map((check) => ({ service: service.name, check })),
  );
  if (all.length === 0) return [];
  const states = knownStates(config);
  return all.map(({ service, check }) => {
    const { id, host, ask } = check;
    const about = { service, host, check: id, asked: wordOf(ask) };
    return { ...about, ...answerOf(check, states?.get(id), { isHere: states !== null, now }) };
  });
}

/** Null on a machine that has no state file: what was heard is known where the controller is. */
function knownStates({ global }: Config): Map<string, CheckState> | null {
  const file = join(global.stateDir, 'state.db');
  if (!existsSync(file)) return null;
  using db = readDatabase(file);
  return createHealthLog(db).states();
}

type Told = Pick<HeartbeatAnswer, 'state' | 'detail' | 'lastAt' | 'dueAt'>;

/** Pure. The instant from which silence counts is later than the last report when nobody could hear one meanwhile. */
export function answerOf(
  check: Check,
  known: CheckState | undefined,
  { isHere, now }: { isHere: boolean; now: number },
): Told {
  const nothing = { state: 'unknown', lastAt: null, dueAt: null } as const;
  if (!isHere) return { ...nothing, detail: 'only the machine of the controller knows when it reported' };
  const { ask } = check;
  const last = known?.last;
  if (ask.kind !== 'heartbeat' || last === undefined || last.value === null) {
    return { ...nothing, detail: 'nobody has listened for it yet' };
  }
  const due = last.value + ask.everyMs;
  const heard = last.heardAt ?? null;
  const when = { lastAt: heard === null ? null : iso(heard), dueAt: iso(due) };
  const reported = heard === null ? 'has not reported yet' : `last reported ${words(now - heard)} ago`;
  if (now - last.at > staleAfterMs(check)) {
    const detail = `${reported}; nobody has listened for ${words(now - last.at)}: is the controller running?`;
    return { ...when, state: 'unknown', detail };
  }
  return now > due
    ? { ...when, state: 'bad', detail: `missed: ${reported}, was due ${words(now - due)} ago` }
    : { ...when, state: 'good', detail: `${reported}, due within ${words(due - now)}` };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** To the second; a clock that was set back has made nothing come from the future. */
function words(ms: number): string {
  return formatDuration(Math.max(0, Math.round(ms / 1_000)) * 1_000);
}
