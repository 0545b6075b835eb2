/** The index of restore points, kept in step with what the runs report. The destinations are the truth; this is the map. */
import type { SetPurpose } from '#sdk/kinds/destination.ts';
import type { Database } from '#store/database.ts';

export interface RestorePointIndex {
  /** A sealed set: whole and verified where it was made, not yet copied. */
  sealed(point: {
    id: string;
    service: string;
    host: string;
    run: string;
    createdAt: string;
    sizeBytes: number;
    files: number;
    verifiedAt: string;
    purpose: SetPurpose;
  }): void;
  copied(copy: { id: string; destination: string; host: string; verifiedAt: string | null }): void;
  /** What retention saw and did at one destination. */
  retained(outcome: { destination: string; host: string; removed: string[]; service: string; pinned: string[] }): void;
}

export function createRestorePointIndex(db: Database): RestorePointIndex {
  return {
    sealed(point) {
      db.sql(
        `INSERT INTO restore_points (id, service, host, run, created_at, size_bytes, files, verified_at, purpose)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET size_bytes = excluded.size_bytes, verified_at = excluded.verified_at`,
      ).run(
        point.id,
        point.service,
        point.host,
        point.run,
        point.createdAt,
        point.sizeBytes,
        point.files,
        point.verifiedAt,
        point.purpose,
      );
      if (point.purpose !== 'backup') return;
      db.sql('UPDATE runs SET restore_point = ? WHERE id = ?').run(point.id, point.run);
    },

    copied({ id, destination, host, verifiedAt }) {
      const status = verifiedAt === null ? 'unverified' : 'verified';
      db.sql(
        `INSERT INTO copies (restore_point, destination, host, status, verified_at)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM restore_points WHERE id = ?1)
         ON CONFLICT DO UPDATE SET status = ?4, verified_at = coalesce(?5, verified_at)`,
      ).run(id, destination, host, status, verifiedAt);
    },

    retained({ destination, host, removed, service, pinned }) {
      const remove = db.sql('DELETE FROM copies WHERE restore_point = ? AND destination = ? AND host = ?');
      for (const id of removed) remove.run(id, destination, host);
      db.sql(
        `DELETE FROM restore_points WHERE service = ? AND id NOT IN (SELECT restore_point FROM copies)
           AND run NOT IN (SELECT id FROM runs WHERE status IN ('queued', 'running'))`,
      ).run(service);
      // Pins stand at the destinations and are changed there; what retention has just seen is the newest word.
      db.sql(
        `UPDATE restore_points SET pinned = id IN (SELECT value FROM json_each(?))
         WHERE id IN (SELECT restore_point FROM copies WHERE destination = ? AND host = ?) AND service = ?`,
      ).run(JSON.stringify(pinned), destination, host, service);
    },
  };
}
