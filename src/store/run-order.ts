/** Whose ends a waiting run waits for: written with the run, so that a restart changes nothing. */
import type { Acceptance, Order, Stopped } from '#engine/ports.ts';
import type { Database } from '#store/database.ts';
import { IdRow, StoppedRow } from '#store/rows.ts';

/** Called in the transaction that accepts the run. */
export function writeOrder(
  db: Database,
  { id, plan }: Pick<Acceptance, 'id' | 'plan'>,
  { order, now }: { order: Order; now: string },
): void {
  const needed = order.needs.flatMap((service) => unfinished(db, { workflow: plan.workflow, service, now }));
  const insert = db.sql(
    // Who waits for this run already, under an older configuration, is not waited for by it: neither would ever begin.
    `INSERT OR IGNORE INTO run_order (run, after)
     SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM run_order WHERE run = ?2 AND after = ?1)`,
  );
  for (const after of [...order.after, ...needed]) insert.run(id, after);
  // What those wait for counts too: they end as skipped when it ends badly, and that alone would look harmless.
  db.sql(
    `INSERT OR IGNORE INTO run_order (run, after)
     SELECT mine.run, theirs.after FROM run_order mine JOIN run_order theirs ON theirs.run = mine.after
     WHERE mine.run = ?1 AND theirs.after <> ?1`,
  ).run(id);
}

function unfinished(
  db: Database,
  { workflow, service, now }: { workflow: string; service: string; now: string },
): string[] {
  return db
    .sql(
      `SELECT id FROM runs WHERE service = ? AND workflow = ? AND status IN ('queued', 'running')
         AND (not_before IS NULL OR not_before <= ?)`,
    )
    .all(service, workflow, now)
    .map((row) => IdRow.parse(row).id);
}

/** Of `runs waiting`. Said twice, so that the small index of unfinished runs serves: this is asked very often. */
export const WAITING = `waiting.status IN ('queued', 'running') AND waiting.status = 'queued'`;

/** Of the waiting runs, those that must wait on. */
export function heldByOrder(db: Database): Set<string> {
  const rows = db
    .sql(
      `SELECT DISTINCT waiting.id FROM runs waiting
       JOIN run_order ON run_order.run = waiting.id
       JOIN runs ahead ON ahead.id = run_order.after
       WHERE ${WAITING} AND ahead.status IN ('queued', 'running')`,
    )
    .all();
  return new Set(rows.map((row) => IdRow.parse(row).id));
}

/** One row for each waiting run that is not to begin any more; the earliest reason is told. */
export function stoppedByOrder(db: Database): Stopped[] {
  const rows = db
    .sql(
      `SELECT waiting.id, waiting.service, waiting.workflow,
         ahead.id AS by_run, ahead.service AS by_service, ahead.status AS by_status, min(ahead.seq)
       FROM runs waiting
       JOIN run_order ON run_order.run = waiting.id
       JOIN runs ahead ON ahead.id = run_order.after
       WHERE ${WAITING} AND ahead.status IN ('failed', 'rolled_back', 'cancelled', 'needs_attention')
       GROUP BY waiting.id ORDER BY waiting.seq`,
    )
    .all();
  return rows.map((row) => {
    const { id, service, workflow, by_run: run, by_service: by, by_status: status } = StoppedRow.parse(row);
    return { run: id, service, workflow, by: { run, service: by, status } };
  });
}
