/** What restore drills have proven, and when: written with the step that says so. */
import type { DrillView } from '#engine/requests.ts';
import type { Database } from '#store/database.ts';
import { DrillRow } from '#store/rows.ts';

export interface Drills {
  proven(drill: DrillView): void;
}

export function createDrills(db: Database): Drills {
  return {
    proven(drill) {
      db.sql(
        `INSERT INTO drills (run, of, service, restore_point, destination, proven_at, recovery_ms, data_age_ms, started)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      ).run(
        drill.run,
        drill.of,
        drill.service,
        drill.restorePoint,
        drill.destination,
        drill.provenAt,
        drill.recoveryMs,
        drill.dataAgeMs,
        drill.started ? 1 : 0,
      );
    },
  };
}

/** The last one of each service for its sets and for its guest, or of each restore point. */
export function lastDrills(db: Database, of: 'service' | 'restore_point'): DrillView[] {
  const same = of === 'service' ? 'service = one.service AND of = one.of' : 'restore_point = one.restore_point';
  const rows = db
    .sql(
      `SELECT * FROM drills AS one
       WHERE NOT EXISTS (SELECT 1 FROM drills WHERE ${same} AND proven_at > one.proven_at)`,
    )
    .all();
  return rows.map((row) => DrillRow.parse(row));
}
