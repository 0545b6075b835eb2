/** What monitoring writes: one transaction for a whole batch of answers, with the place up to which they were taken up. */
import { z } from 'zod';
import { errorText } from '#kernel/errors.ts';
import { HEAL } from '#monitor/heal.ts';
import type { Histogram } from '#monitor/histogram.ts';
import { added, merged, packed, unpacked } from '#monitor/histogram.ts';
import type { OwnRun } from '#monitor/own-runs.ts';
import type { Delta, Incident, Step, World } from '#monitor/world.ts';
import type { Database } from '#store/database.ts';
import { IncidentRow, StateRow, spans } from '#store/health-rows.ts';
import { placeNamed } from '#store/place.ts';

export interface Health {
  /** What was known when it was written last, as far as `wanted` says that it is still of interest. */
  world(wanted: (key: string, check: string) => boolean): World;
  /** The place in the stream of answers. */
  cursor(): string | null;
  /** All of it or nothing. @param tell puts messages into the outbox, in the same transaction. */
  save(step: Step, cursor: string | null, tell: () => void): void;
  /** Changing runs that have not ended before `since` (milliseconds). */
  ownRuns(since: number): OwnRun[];
  prune(now: number): void;
}

/** Hours for a month that can be looked into, days for a year that can be compared. */
const HOURS_KEPT_MS = 32 * 86_400_000;
const DAYS_KEPT_MS = 400 * 86_400_000;

const CURSOR = 'health';

const KeyId = z.object({ id: z.number() });
const Took = z.object({ took: z.instanceof(Uint8Array).nullable() });
const RunRow = z
  .object({
    id: z.string(),
    workflow: z.string(),
    service: z.string(),
    started_at: z.string(),
    finished_at: z.string().nullable(),
  })
  .transform(({ id, workflow, service, started_at, finished_at }): OwnRun => {
    const finishedAt = finished_at === null ? null : Date.parse(finished_at);
    const run = { id, service, startedAt: Date.parse(started_at), finishedAt };
    return workflow === HEAL ? { ...run, mends: true } : run;
  });

export function createHealth(db: Database): Health {
  const keys = new Map<string, number>();
  return {
    world(wanted) {
      const states = db
        .sql('SELECT key, state FROM check_states')
        .all()
        .flatMap((row) => readState(row))
        .filter(({ key, state }) => wanted(key, state.last.check));
      const incidents = db
        .sql('SELECT * FROM incidents WHERE ended_at IS NULL')
        .all()
        .map((row) => IncidentRow.parse(row));
      return {
        states: new Map(states.map(({ key, state }) => [key, state])),
        incidents: new Map(incidents.map((incident) => [incident.subject, incident])),
        accounted: new Map(),
      };
    },

    cursor: () => placeNamed(db, CURSOR).read() ?? null,

    save(step, cursor, tell) {
      // What was learned of a transaction that is undone is not so.
      const known = new Map(keys);
      try {
        db.atomically(() => {
          for (const key of step.touched) writeState(db, key, step.world);
          for (const incident of step.incidents) writeIncident(db, incident);
          for (const delta of summed(step.deltas)) addDelta(db, known, delta);
          if (cursor !== null) placeNamed(db, CURSOR).write(cursor);
          tell();
        });
        for (const [key, id] of known) keys.set(key, id);
      } catch (error) {
        keys.clear();
        throw error;
      }
    },

    ownRuns: (since) =>
      db
        .sql(
          `SELECT id, workflow, service, started_at, finished_at FROM runs WHERE changes = 1 AND status = 'running'
           UNION ALL
           SELECT id, workflow, service, started_at, finished_at FROM runs
           WHERE changes = 1 AND started_at IS NOT NULL AND finished_at > ?`,
        )
        .all(new Date(since).toISOString())
        .map((row) => RunRow.parse(row)),

    prune(now) {
      db.atomically(() => {
        for (const [span, lengthMs] of spans.entries()) {
          const keptMs = span === 0 ? HOURS_KEPT_MS : DAYS_KEPT_MS;
          const first = Math.floor((now - keptMs) / lengthMs);
          db.sql('DELETE FROM health WHERE span = ? AND place < ?').run(span, first);
        }
        db.sql('DELETE FROM incidents WHERE ended_at < ?').run(now - DAYS_KEPT_MS);
        db.sql('DELETE FROM health_keys WHERE id NOT IN (SELECT key FROM health)').run();
        keys.clear();
      });
    },
  };
}

/** A state of a shape that is not known any more is one that nobody needs: the next answer makes it anew. */
function readState(row: unknown) {
  try {
    return [StateRow.parse(row)];
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) return [];
    throw new Error(errorText(error), { cause: error });
  }
}

function writeState(db: Database, key: string, { states }: World): void {
  const text = JSON.stringify(states.get(key));
  db.sql('INSERT INTO check_states (key, state) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET state = ?2').run(key, text);
}

function writeIncident(db: Database, incident: Incident): void {
  const { id, subject, startedAt, endedAt, cause, root, run, toldAt, reminders, holdUntil, gaveUpAt } = incident;
  db.sql(
    `INSERT INTO incidents (id, subject, started_at, ended_at, cause, root, run, told_at, reminders, hold_until,
       gave_up_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
     ON CONFLICT (id) DO UPDATE SET ended_at = ?4, cause = ?5, root = ?6, run = ?7, told_at = ?8, reminders = ?9,
       hold_until = ?10, gave_up_at = ?11`,
  ).run(id, subject, startedAt, endedAt, cause, root, run, toldAt, reminders, holdUntil, gaveUpAt);
}

interface Sum extends Omit<Delta, 'at' | 'tookMs'> {
  span: number;
  place: number;
  took: Histogram;
}

/** What a batch brings, once for each row that it changes. */
function summed(deltas: readonly Delta[]): Sum[] {
  const sums = new Map<string, Sum>();
  for (const { at, tookMs, ...delta } of deltas) {
    for (const [span, lengthMs] of spans.entries()) {
      const place = Math.floor(at / lengthMs);
      const name = `${delta.key}\n${span}\n${place}`;
      const sum = sums.get(name);
      const took = tookMs === null ? (sum?.took ?? new Map()) : added(sum?.took ?? new Map(), tookMs);
      sums.set(name, {
        key: delta.key,
        span,
        place,
        upMs: (sum?.upMs ?? 0) + delta.upMs,
        downMs: (sum?.downMs ?? 0) + delta.downMs,
        plannedMs: (sum?.plannedMs ?? 0) + delta.plannedMs,
        count: (sum?.count ?? 0) + delta.count,
        bad: (sum?.bad ?? 0) + delta.bad,
        took,
      });
    }
  }
  return [...sums.values()];
}

function addDelta(db: Database, keys: Map<string, number>, sum: Sum): void {
  const key = keyId(db, keys, sum.key);
  const row =
    sum.took.size === 0
      ? undefined
      : db.sql('SELECT took FROM health WHERE key = ? AND span = ? AND place = ?').get(key, sum.span, sum.place);
  const before = row === undefined ? null : Took.parse(row).took;
  const took = sum.took.size === 0 ? null : packed(before === null ? sum.took : merged([unpacked(before), sum.took]));
  db.sql(
    `INSERT INTO health (key, span, place, up_ms, down_ms, planned_ms, answers, bad, took)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
     ON CONFLICT DO UPDATE SET up_ms = up_ms + ?4, down_ms = down_ms + ?5, planned_ms = planned_ms + ?6,
       answers = answers + ?7, bad = bad + ?8, took = coalesce(?9, took)`,
  ).run(key, sum.span, sum.place, whole(sum.upMs), whole(sum.downMs), whole(sum.plannedMs), sum.count, sum.bad, took);
}

/** A column of whole numbers takes no others. */
function whole(ms: number): number {
  return Math.round(ms);
}

function keyId(db: Database, keys: Map<string, number>, key: string): number {
  const known = keys.get(key);
  if (known !== undefined) return known;
  db.sql('INSERT INTO health_keys (key) VALUES (?) ON CONFLICT DO NOTHING').run(key);
  const { id } = KeyId.parse(db.sql('SELECT id FROM health_keys WHERE key = ?').get(key));
  keys.set(key, id);
  return id;
}
