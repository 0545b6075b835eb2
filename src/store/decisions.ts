/** What people have decided of versions: skipped, pinned, approved. */
import { z } from 'zod';
import { Decision } from '#sdk/versions/decision.ts';
import type { Database } from '#store/database.ts';

/** One decision, before it has a time. Without an image it speaks of all images of the service. */
export type NewDecision = Omit<Decision, 'at'>;

export interface Decisions {
  /** Each takes the place of what was decided before of the same version, or of the pin of the same image. */
  decide(decisions: readonly NewDecision[]): void;
  /** Without an image: all pins of the service. @returns how many there were. */
  unpin(service: string, image: string | null): number;
}

const DecisionRow = z
  .object({
    service: z.string(),
    image: z.string(),
    decision: z.string(),
    version: z.string(),
    decided_at: z.string(),
  })
  .transform(({ decided_at: at, image, ...rest }) => ({ ...rest, image: image === '' ? null : image, at }))
  .pipe(Decision);

export function createDecisions(db: Database, { now }: { now(): Date }): Decisions {
  const unpin = (service: string, image: string | null) =>
    Number(
      db
        .sql(`DELETE FROM version_decisions WHERE service = ?1 AND decision = 'pin' AND (?2 IS NULL OR image = ?2)`)
        .run(service, image).changes,
    );

  function decide({ service, image, decision, version }: NewDecision): void {
    if (decision === 'pin') unpin(service, image);
    else {
      // A word on all images takes back what was said of one of them.
      db.sql(
        `DELETE FROM version_decisions
         WHERE service = ?1 AND version = ?2 AND decision <> 'pin' AND (?3 IS NULL OR image = ?3)`,
      ).run(service, version, image);
    }
    db.sql(
      `INSERT INTO version_decisions (service, image, decision, version, decided_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET decided_at = excluded.decided_at`,
    ).run(service, image ?? '', decision, version, now().toISOString());
  }

  return {
    unpin,
    decide: (all) => {
      db.atomically(() => {
        for (const one of all) decide(one);
      });
    },
  };
}

/** The newest first. */
export function readDecisions(db: Database, service: string | null): Decision[] {
  // A state file that no controller of this version has opened yet.
  const old = db.sql(`SELECT 1 FROM sqlite_master WHERE name = 'version_decisions'`).get() === undefined;
  if (old) return [];
  return db
    .sql('SELECT * FROM version_decisions WHERE ?1 IS NULL OR service = ?1 ORDER BY decided_at DESC, service, image')
    .all(service)
    .map((row) => DecisionRow.parse(row));
}
