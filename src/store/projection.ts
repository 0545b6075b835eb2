/** What the stream of events adds to the history: when a step was begun, how often, and what was told meanwhile. */
import { z } from 'zod';
import type { Database } from '#store/database.ts';

const Value = z.object({ value: z.string() });

export interface Projection {
  /** The place in the stream up to which everything is in the history. */
  cursor(): string | null;
  moveTo(cursor: string): void;
  began(step: { run: string; step: string; attempt: number; at: string }): void;
}

export function createProjection(db: Database): Projection {
  return {
    cursor() {
      const row = db.sql(`SELECT value FROM meta WHERE key = 'events'`).get();
      return row === undefined ? null : Value.parse(row).value;
    },
    moveTo(cursor) {
      db.sql(`INSERT INTO meta (key, value) VALUES ('events', ?1) ON CONFLICT DO UPDATE SET value = ?1`).run(cursor);
    },
    began({ run, step, attempt, at }) {
      // A result that is already recorded is newer than this event, and stays.
      db.sql(
        `UPDATE steps SET status = 'running', started_at = coalesce(started_at, ?), attempts = max(attempts, ?)
         WHERE run = ? AND key = ? AND status IN ('dispatched', 'running')`,
      ).run(at, attempt, run, step);
    },
  };
}
