/** Regular reports: up to when they were made, and what the history tells for the next one. */
import { z } from 'zod';
import type { ReportHistory } from '#notify/report-message.ts';
import type { Database } from '#store/database.ts';
import { placeNamed } from '#store/place.ts';

export interface Reports {
  /** The instant (milliseconds) up to which reports were made by these rules; undefined: by none yet. */
  madeTo(rules: string): number | undefined;
  /** @param tell puts the report into the outbox, in the same transaction. */
  made(rules: string, to: number, tell: () => void): void;
  /** What happened from one instant up to another (milliseconds). */
  history(from: number, to: number): ReportHistory;
}

const MadeTo = z.object({ rules: z.string(), to: z.number() });
const RunsRow = z.object({ workflow: z.string(), service: z.string(), status: z.string(), count: z.number() });
const MissedRow = z.object({ schedule: z.string(), count: z.number() });
const PointsRow = z.object({ service: z.string(), kept: z.number(), unproven: z.number() });
const IncidentRow = z
  .object({ subject: z.string(), started_at: z.number(), ended_at: z.number().nullable(), cause: z.string() })
  .transform(({ started_at: startedAt, ended_at: endedAt, ...rest }) => ({ ...rest, startedAt, endedAt }));

export function createReports(db: Database): Reports {
  const place = placeNamed(db, 'report');
  return {
    madeTo(rules) {
      const text = place.read();
      if (text === undefined) return undefined;
      const made = MadeTo.parse(JSON.parse(text));
      return made.rules === rules ? made.to : undefined;
    },

    made(rules, to, tell) {
      db.atomically(() => {
        place.write(JSON.stringify({ rules, to }));
        tell();
      });
    },

    history: (from, to) => ({
      runs: runsBetween(db, from, to),
      missed: missedBetween(db, from, to),
      points: db
        .sql(
          `SELECT service, count(*) AS kept,
             sum(NOT EXISTS (SELECT 1 FROM drills WHERE restore_point = point.id)) AS unproven
           FROM restore_points AS point WHERE purpose = 'backup' GROUP BY service ORDER BY service`,
        )
        .all()
        .map((row) => PointsRow.parse(row)),
      incidents: db
        .sql(
          `SELECT subject, started_at, ended_at, cause FROM incidents
           WHERE started_at <= ?2 AND (ended_at IS NULL OR ended_at > ?1) AND root IS NULL ORDER BY started_at`,
        )
        .all(from, to)
        .map((row) => IncidentRow.parse(row)),
    }),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

function runsBetween(db: Database, from: number, to: number): ReportHistory['runs'] {
  return db
    .sql(
      `SELECT workflow, service, status, count(*) AS count FROM runs WHERE finished_at > ?1 AND finished_at <= ?2
       GROUP BY workflow, service, status ORDER BY workflow, service`,
    )
    .all(iso(from), iso(to))
    .map((row) => RunsRow.parse(row));
}

/** What a schedule was told to leave out, or what a later slot stands for, is nothing that is missing. */
function missedBetween(db: Database, from: number, to: number): ReportHistory['missed'] {
  return db
    .sql(
      `SELECT schedule, count(*) AS count FROM fires AS fire
       WHERE slot > ?1 AND slot <= ?2
         AND ((disposition = 'missed' AND reason <> 'removed') OR reason = 'host_away') AND run IS NULL
         AND NOT EXISTS (SELECT 1 FROM fires WHERE schedule = fire.schedule AND slot > fire.slot
           AND slot <= ?2 AND disposition = 'caught_up')
       GROUP BY schedule ORDER BY schedule`,
    )
    .all(iso(from), iso(to))
    .map((row) => MissedRow.parse(row));
}
