/** Our own runs that change a service: while one has it, silence is ours. */
import type { Graph } from '#monitor/graph.ts';

export interface OwnRun {
  id: string;
  service: string;
  startedAt: number;
  /** Null while it runs. */
  finishedAt: number | null;
  /** It restarts what is down already: that time is no planned rest. */
  mends?: true;
}

/** A service that was just let go may take a moment until it answers (milliseconds). */
const GRACE_MS = 60_000;

/** What we did so shortly before something broke (milliseconds) may be why. */
const SUSPICION_MS = 15 * 60_000;

/** The run that had the subject, or something that it needs, in this time. */
export function plannedBy(
  subject: string,
  { from, to }: { from: number; to: number },
  { graph, runs }: { graph: Graph; runs: readonly OwnRun[] },
): OwnRun | undefined {
  if (runs.length === 0) return undefined;
  const services = graph.services(subject);
  return runs.find(
    ({ service, startedAt, finishedAt, mends }) =>
      mends !== true &&
      services.includes(service) &&
      startedAt <= to &&
      (finishedAt === null || finishedAt + GRACE_MS >= from),
  );
}

/** What we were doing with it when it broke, or shortly before: the latest. */
export function lastRunBefore(subject: string, at: number, { graph, runs }: { graph: Graph; runs: readonly OwnRun[] }) {
  const services = graph.services(subject);
  return runs
    .filter(
      ({ service, startedAt, finishedAt }) =>
        services.includes(service) && startedAt <= at && (finishedAt === null || finishedAt + SUSPICION_MS >= at),
    )
    .toSorted((a, b) => b.startedAt - a.startedAt)[0];
}
