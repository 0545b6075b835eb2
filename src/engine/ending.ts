/** Why a run ended as it did, in words, and what its owner can do now. */

import { changeBegun } from '#engine/change-begun.ts';
import type { Ending, Stopped } from '#engine/ports.ts';
import type { Run, TerminalStatus } from '#engine/run.ts';
import { shortId } from '#kernel/ids.ts';
import { planSteps, undoSteps } from '#sdk/plan.ts';

/** @param end the decision: a terminal status, and the key of the step that led to it. */
export function endingOf(run: Run, end: { status: TerminalStatus; because: string | null }): Ending {
  const title = end.because === null ? null : titleOf(run, end.because);
  const error = end.because === null ? null : (run.states.get(end.because)?.error ?? null);
  const retry = end.because === null ? null : nextCommand(run, end);
  switch (end.status) {
    case 'succeeded':
      return { status: 'succeeded', reason: null, next: null };
    case 'skipped':
      return { status: 'skipped', reason: `step "${title}" found nothing to do`, next: null };
    case 'cancelled':
      return { status: 'cancelled', reason: 'cancelled; what was begun is put back', next: null };
    case 'failed':
    case 'rolled_back':
    case 'needs_attention':
      return {
        status: end.status,
        reason: error === null ? `step "${title}" did not succeed` : `step "${title}": ${error.message}`,
        next: joined(error?.next, retry),
      };
  }
}

/** A run that was not begun, because one that it waited for did not go well. */
export function stoppedEnding({ service, workflow, by }: Stopped): Ending {
  const run = shortId(by.run);
  return {
    status: 'skipped',
    reason: `not begun: ${service} depends on ${by.service}, whose ${workflow} (run ${run}) ended as ${by.status}`,
    next: `homelab-autopilot runs show ${run}  , then  homelab-autopilot enqueue ${workflow} ${service}`,
  };
}

/** What the error itself says comes first, and alone where it already names the command. */
function joined(said: string | undefined, command: string | null): string | null {
  if (said === undefined) return command;
  return command === null || said.includes(command) ? said : `${said}, then  ${command}`;
}

/** Null: all is as it was before, and trying the same again would only fail again. */
function nextCommand(run: Run, { status, because }: { status: TerminalStatus; because: string | null }): string | null {
  if (!changeBegun(run.plan.root, run.states)) {
    return `homelab-autopilot runs retry ${shortId(run.id)} --from ${because}`;
  }
  // What is known of the way back is in the restore point that the run made, the newest one there is.
  return status === 'needs_attention' ? `homelab-autopilot enqueue rollback ${run.plan.service}` : null;
}

function titleOf(run: Run, key: string): string {
  const { root } = run.plan;
  return [...planSteps(root), ...undoSteps(root)].find((step) => step.key === key)?.title ?? key;
}
