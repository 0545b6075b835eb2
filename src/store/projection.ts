/** What the stream of events adds to the history: when a step was begun, how often, and what was told meanwhile. */
import type { Database } from '#store/database.ts';
import { placeNamed } from '#store/place.ts';

export interface Projection {
  /** The place in the stream up to which everything is in the history. */
  cursor(): string | null;
  moveTo(cursor: string): void;
  began(step: { run: string; step: string; attempt: number; at: string }): void;
}

export function createProjection(db: Database): Projection {
  const place = placeNamed(db, 'events');
  return {
    cursor: () => place.read() ?? null,
    moveTo: place.write,
    began({ run, step, attempt, at }) {
      // A result that is already recorded is newer than this event, and stays.
      db.sql(
        `UPDATE steps SET status = 'running', started_at = coalesce(started_at, ?), attempts = max(attempts, ?)
         WHERE run = ? AND key = ? AND status IN ('dispatched', 'running')`,
      ).run(at, attempt, run, step);
    },
  };
}
