/** The engine's journal in SQLite: runs and their steps. Written by the controller only. */
import type { Journal } from '#engine/ports.ts';
import type { Run, StepState } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { errorText } from '#kernel/errors.ts';
import { hashJson } from '#kernel/json.ts';
import { Plan } from '#sdk/plan.ts';
import type { Database } from '#store/database.ts';
import { AdmissionRow, IdRow, PlanRow, RunRow, StepRow } from '#store/rows.ts';
import { heldByOrder, stoppedByOrder, WAITING, writeOrder } from '#store/run-order.ts';

export interface JournalOptions {
  now(): Date;
  /** Called inside the transaction that records a successful step: other tables follow the run's results. */
  onRecorded?: (run: string, step: Parameters<Journal['record']>[1], result: Parameters<Journal['record']>[2]) => void;
  /** Called inside the transaction that lets a run begin. */
  onStarted?: (run: string) => void;
  /** Called inside the transaction that writes a run's terminal status: whoever must be told of it cannot be forgotten. */
  onFinished?: (run: string) => void;
}

export function createJournal(db: Database, options: JournalOptions): Journal {
  const now = () => options.now().toISOString();
  const plans = new Map<string, Plan>();

  function planOf(row: RunRow): Plan {
    const known = plans.get(row.id) ?? Plan.parse(JSON.parse(row.plan));
    plans.set(row.id, known);
    return known;
  }

  return {
    atomically: (work) => db.atomically(work),

    accept(acceptance) {
      return db.atomically(() => {
        const { plan } = acceptance;
        const inserted = db
          .sql(
            `INSERT INTO runs (id, workflow, service, host, changes, status, plan, plan_hash, input, not_before,
               requested_at, retry_of, schedule)
             VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
          )
          .run(
            acceptance.id,
            plan.workflow,
            plan.service,
            plan.host,
            plan.changes ? 1 : 0,
            JSON.stringify(plan),
            hashJson(plan),
            JSON.stringify(acceptance.input),
            acceptance.notBefore,
            now(),
            acceptance.retryOf,
            acceptance.schedule,
          );
        if (inserted.changes === 0) return false;
        plans.set(acceptance.id, plan);
        for (const { key, output } of acceptance.reuse) {
          db.sql(
            `INSERT INTO steps (run, key, seq, status, reused, dispatched_at, output)
             VALUES (?, ?, 0, 'succeeded', 1, ?, ?)`,
          ).run(acceptance.id, key, now(), JSON.stringify(output));
        }
        if (acceptance.order !== undefined) writeOrder(db, acceptance, { order: acceptance.order, now: now() });
        return true;
      });
    },

    run(id) {
      const found = db.sql('SELECT * FROM runs WHERE id = ?').get(id);
      if (found === undefined) return undefined;
      const row = RunRow.parse(found);
      const run: Run = {
        id,
        plan: planOf(row),
        status: row.status,
        cancelRequested: row.cancel_requested_at !== null,
        states: statesOf(db, id),
      };
      if (isTerminal(run.status)) plans.delete(id);
      return run;
    },

    intend(run, begin) {
      const insert = db.sql(
        `INSERT INTO steps (run, key, seq, status, dispatched_at)
         VALUES (?, ?, (SELECT count(*) + 1 FROM steps WHERE run = ?), 'dispatched', ?)`,
      );
      for (const { step } of begin) insert.run(run, step.key, run, now());
    },

    record(run, step, result) {
      const output = result.status === 'succeeded' ? JSON.stringify(result.output) : null;
      const error = result.status === 'failed' ? JSON.stringify(result.error) : null;
      db.sql(
        `UPDATE steps SET status = ?, attempts = ?, started_at = coalesce(started_at, ?), finished_at = ?,
           output = ?, error = ?
         WHERE run = ? AND key = ? AND status IN ('dispatched', 'running')`,
      ).run(result.status, result.attempts, result.startedAt, result.finishedAt, output, error, run, step.key);
      options.onRecorded?.(run, step, result);
    },

    withdraw(run, keys) {
      const update = db.sql(
        `UPDATE steps SET status = 'withdrawn', finished_at = ? WHERE run = ? AND key = ? AND status = 'dispatched'`,
      );
      for (const key of keys) update.run(now(), run, key);
    },

    finish(run, ending) {
      return db.atomically(() => {
        const { changes } = db
          .sql(
            `UPDATE runs SET status = ?, reason = ?, next = ?, finished_at = ?
             WHERE id = ? AND status IN ('queued', 'running')`,
          )
          .run(ending.status, ending.reason, ending.next, now(), run);
        if (changes === 1) options.onFinished?.(run);
        plans.delete(run);
        return changes === 1;
      });
    },

    requestCancel(run) {
      db.sql('UPDATE runs SET cancel_requested_at = coalesce(cancel_requested_at, ?) WHERE id = ?').run(now(), run);
    },

    admit({ atOnce }) {
      return db.atomically(() => {
        const admitted = admitWaiting(db, atOnce, now());
        for (const run of admitted) options.onStarted?.(run);
        return admitted;
      });
    },

    stopped: () => stoppedByOrder(db),

    unreadable() {
      const rows = db.sql(`SELECT id, plan FROM runs WHERE status IN ('queued', 'running')`).all();
      return rows.flatMap((row) => {
        const { id, plan } = PlanRow.parse(row);
        const read = readPlan(plan);
        return 'reason' in read ? [{ id, reason: read.reason }] : [];
      });
    },

    unfinished() {
      return db
        .sql(`SELECT id FROM runs WHERE status = 'running' ORDER BY seq`)
        .all()
        .map((row) => IdRow.parse(row).id);
    },

    tellStory(run, text) {
      db.sql('INSERT INTO story (run, at, text) VALUES (?, ?, ?)').run(run, now(), text);
    },
  };
}

function readPlan(text: string): { plan: Plan } | { reason: string } {
  try {
    return { plan: Plan.parse(JSON.parse(text)) };
  } catch (error) {
    return { reason: errorText(error).split('\n')[0] ?? '' };
  }
}

/**
 * In order of request: a run waits while an earlier or running one has its service, while one that it is to come after
 * has not ended, or while its workflow is at its limit.
 */
function admitWaiting(db: Database, atOnce: ReadonlyMap<string, number>, now: string): string[] {
  const waiting = db
    .sql(
      `SELECT id, workflow, service, changes FROM runs waiting
       WHERE ${WAITING} AND (not_before IS NULL OR not_before <= ?) ORDER BY seq`,
    )
    .all(now)
    .map((row) => AdmissionRow.parse(row));
  // Asked very often; without the plans, and without looking at what goes on when nothing waits.
  if (waiting.length === 0) return [];
  const going = db
    .sql(`SELECT id, workflow, service, changes FROM runs WHERE status = 'running'`)
    .all()
    .map((row) => AdmissionRow.parse(row));
  const taken = new Set(going.filter(({ changes }) => changes === 1).map(({ service }) => service));
  const counts = new Map<string, number>();
  for (const { workflow } of going) counts.set(workflow, (counts.get(workflow) ?? 0) + 1);
  const ordered = heldByOrder(db);
  const admitted: string[] = [];
  for (const run of waiting) {
    const held = ordered.has(run.id) || (run.changes === 1 && taken.has(run.service));
    if (run.changes === 1) taken.add(run.service);
    const count = counts.get(run.workflow) ?? 0;
    if (held || count >= (atOnce.get(run.workflow) ?? Number.POSITIVE_INFINITY)) continue;
    counts.set(run.workflow, count + 1);
    db.sql(`UPDATE runs SET status = 'running', started_at = ? WHERE id = ?`).run(now, run.id);
    admitted.push(run.id);
  }
  return admitted;
}

function statesOf(db: Database, run: string): Map<string, StepState> {
  const rows = db.sql('SELECT * FROM steps WHERE run = ? ORDER BY seq').all(run);
  return new Map(
    rows.map((found) => {
      const row = StepRow.parse(found);
      return [row.key, { status: row.status, output: row.output, error: row.error }];
    }),
  );
}
