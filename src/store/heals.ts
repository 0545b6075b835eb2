/** What was done to restart services that were down: read from the runs themselves, so that nothing can contradict them. */
import { z } from 'zod';
import { RUN_STATUSES } from '#engine/run.ts';
import type { HealAttempt } from '#monitor/heal.ts';
import { HEAL } from '#monitor/heal.ts';
import type { Database } from '#store/database.ts';

/** A restart as people look at it. */
export interface HealRun {
  run: string;
  incident: string;
  status: (typeof RUN_STATUSES)[number];
  reason: string | null;
  at: string;
}

export interface Heals {
  /** Asked for by incidents of the service since `since` (milliseconds), or by this one. Oldest first. */
  attempts(service: string, about: { incident: string; since: number }): HealAttempt[];
  /** Of one incident of a service, oldest first. */
  ofIncident(service: string, incident: string): HealRun[];
  /** The incident that asked for the run; null: no incident did. */
  incidentOf(run: string): string | null;
}

const Asked = z.string().transform((text) => z.object({ incident: z.string() }).parse(JSON.parse(text)).incident);
const Row = z.object({
  id: z.string(),
  status: z.enum(RUN_STATUSES),
  reason: z.string().nullable(),
  input: Asked,
  requested_at: z.string(),
  finished_at: z.string().nullable(),
});
const IncidentOf = z.object({ incident: z.string().nullable() });

const COLUMNS = 'id, status, reason, input, requested_at, finished_at';
const INCIDENT = "json_extract(input, '$.incident')";

export function createHeals(db: Database): Heals {
  return {
    attempts: (service, { incident, since }) =>
      db
        .sql(
          `SELECT ${COLUMNS} FROM runs WHERE service = ?1 AND workflow = '${HEAL}' AND ${INCIDENT} IS NOT NULL
             AND (requested_at > ?2 OR ${INCIDENT} = ?3) ORDER BY seq`,
        )
        .all(service, new Date(since).toISOString(), incident)
        .map((row) => attemptOf(Row.parse(row))),

    ofIncident: (service, incident) =>
      db
        .sql(`SELECT ${COLUMNS} FROM runs WHERE service = ? AND workflow = '${HEAL}' AND ${INCIDENT} = ? ORDER BY seq`)
        .all(service, incident)
        .map((row) => {
          const { id, status, reason, requested_at: at } = Row.parse(row);
          return { run: id, incident, status, reason, at };
        }),

    incidentOf: (run) => {
      const row = db.sql(`SELECT ${INCIDENT} AS incident FROM runs WHERE id = ? AND workflow = '${HEAL}'`).get(run);
      return row === undefined ? null : IncidentOf.parse(row).incident;
    },
  };
}

function attemptOf({ id, status, input, requested_at, finished_at }: z.output<typeof Row>): HealAttempt {
  return {
    run: id,
    incident: input,
    askedAt: Date.parse(requested_at),
    endedAt: finished_at === null ? null : Date.parse(finished_at),
    outcome: OUTCOMES[status],
  };
}

const OUTCOMES: Record<HealRun['status'], HealAttempt['outcome']> = {
  queued: 'open',
  running: 'open',
  succeeded: 'restarted',
  failed: 'restarted',
  rolled_back: 'restarted',
  skipped: 'left',
  cancelled: 'refused',
  needs_attention: 'refused',
};
