/** What monitoring knows, for those who look: states, incidents, uptime and response times. */

import { merged, percentile, unpacked } from '#monitor/histogram.ts';
import type { CheckState } from '#monitor/judge.ts';
import type { Times, Window } from '#monitor/uptime.ts';
import { WINDOWS } from '#monitor/uptime.ts';
import type { Incident } from '#monitor/world.ts';
import type { Database } from '#store/database.ts';
import { IncidentRow, StateRow, SumRow, spans, TookRow } from '#store/health-rows.ts';

export interface ResponseTimes {
  p50: number;
  p95: number;
  p99: number;
}

export interface HealthLog {
  states(): Map<string, CheckState>;
  /** Newest first. */
  incidents(query: { subject?: string; open?: boolean; limit: number }): Incident[];
  /** Of a check or of a subject, up to now. */
  times(key: string, window: Window, now: number): Times;
  /** Null when nothing good was answered. */
  responseTimes(key: string, window: Window, now: number): ResponseTimes | null;
}

/** A month of hours would be read for what its days tell as well. */
const LONGEST_OF_HOURS_MS = 7 * 86_400_000;

const NOTHING: HealthLog = {
  states: () => new Map(),
  incidents: () => [],
  times: () => ({ upMs: 0, downMs: 0, plannedMs: 0 }),
  responseTimes: () => null,
};

/** Of a state file that an older version wrote, and nobody has opened for writing since, nothing is known. */
export function createHealthLog(db: Database): HealthLog {
  const known = db.sql(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'health'`).get();
  if (known === undefined) return NOTHING;
  const rows = (columns: string, key: string, window: Window, now: number) =>
    db
      .sql(
        `SELECT ${columns} FROM health WHERE key = (SELECT id FROM health_keys WHERE key = ?1) AND span = ?2 AND place > ?3`,
      )
      .all(key, ...placeOf(window, now));
  return {
    states: () => {
      const states = db
        .sql('SELECT key, state FROM check_states')
        .all()
        .map((row) => StateRow.parse(row));
      return new Map(states.map(({ key, state }) => [key, state]));
    },

    incidents: ({ subject, open, limit }) =>
      db
        .sql(
          `SELECT * FROM incidents WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR (ended_at IS NULL) = ?2)
           ORDER BY started_at DESC, subject LIMIT ?3`,
        )
        .all(subject ?? null, open === undefined ? null : Number(open), limit)
        .map((row) => IncidentRow.parse(row)),

    times(key, window, now) {
      const columns = 'sum(up_ms) AS up_ms, sum(down_ms) AS down_ms, sum(planned_ms) AS planned_ms';
      const sum = SumRow.parse(rows(columns, key, window, now)[0]);
      return { upMs: sum.up_ms ?? 0, downMs: sum.down_ms ?? 0, plannedMs: sum.planned_ms ?? 0 };
    },

    responseTimes(key, window, now) {
      const all = rows('took', key, window, now).flatMap((row) => {
        const parsed = TookRow.safeParse(row);
        return parsed.success ? [unpacked(parsed.data.took)] : [];
      });
      const sum = merged(all);
      const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(sum, share));
      return p50 == null || p95 == null || p99 == null ? null : { p50, p95, p99 };
    },
  };
}

/** The span that the window is read in, and the place before its first. */
function placeOf(window: Window, now: number): [number, number] {
  const ms = WINDOWS[window];
  const span = ms > LONGEST_OF_HOURS_MS ? 1 : 0;
  const lengthMs = spans[span] ?? ms;
  return [span, Math.floor(now / lengthMs) - Math.round(ms / lengthMs)];
}
