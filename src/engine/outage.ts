/** How long a run kept a service from its users, as the steps measured it that stopped it and had it run again. */
import type { StepView } from '#engine/run.ts';

type OutageStep = Pick<StepView, 'action' | 'status' | 'startedAt' | 'finishedAt'> & {
  /** Whether the step itself says that users notice. */
  outage: boolean;
};

/** Actions that stop all of a service, whatever ran before. */
const STOPS: ReadonlySet<string> = new Set(['standby', 'restoreSnapshot']);

/** Actions after which it runs again. */
const STARTS: ReadonlySet<string> = new Set(['resume', 'revert']);

/**
 * From the beginning of the step that stopped the service to the end of the one that had it run again, all such times
 * together. How long a new version takes to start in place of the old one is not in it.
 * @returns null when nothing was stopped, or when nothing has started it again.
 */
export function outageMs(steps: readonly OutageStep[]): number | null {
  const done = steps.flatMap(({ startedAt, finishedAt, ...step }) =>
    step.status === 'succeeded' && startedAt !== null && finishedAt !== null
      ? [{ ...step, from: Date.parse(startedAt), to: Date.parse(finishedAt) }]
      : [],
  );
  let stoppedAt: number | null = null;
  let total: number | null = null;
  for (const { action, outage, from, to } of done.toSorted((a, b) => a.from - b.from)) {
    if (STOPS.has(action) || (action === 'quiesce' && outage)) stoppedAt ??= from;
    if (stoppedAt === null || !STARTS.has(action)) continue;
    total = (total ?? 0) + to - stoppedAt;
    stoppedAt = null;
  }
  return stoppedAt === null ? total : null;
}
