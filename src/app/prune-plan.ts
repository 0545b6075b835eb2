/** What retention would do at each destination, and why: the same decision that the backup workflow carries out. */
import type { Found } from '#app/backup-listing.ts';
import type { PruneDecision } from '#app/backup-types.ts';
import type { Settings } from '#app/settings.ts';
import type { RetentionDecision } from '#archive/retention.ts';
import { decideRetention } from '#archive/retention.ts';
import type { SetSummary } from '#sdk/kinds/destination.ts';

export function prunePlan({ config }: Settings, found: readonly Found[]): PruneDecision[] {
  return found.flatMap(({ destination, sets }) =>
    [...Map.groupBy(sets, ({ service }) => service)].flatMap(([service, own]) => {
      const backup = config.services.find(({ name }) => name === service)?.backup ?? null;
      const told = (decision: RetentionDecision<SetSummary>) => decisionOf(destination, decision);
      if (backup?.destinations.includes(destination)) return decideRetention(own, backup.retention).map(told);
      // No backup of this service comes here any more, and with none no retention runs.
      const reasons = ['the configuration does not back this service up to this place'];
      return own.map((set) => told({ set, keep: true, reasons }));
    }),
  );
}

function decisionOf(destination: string, { set, keep, reasons }: RetentionDecision<SetSummary>): PruneDecision {
  const { service, id, createdAt, sizeBytes } = set;
  return { service, destination, id, createdAt, sizeBytes, keep, reasons };
}
