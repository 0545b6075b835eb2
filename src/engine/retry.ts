/** `runs retry --from STEP`: which results of an ended run a new run takes over. */

import { changeBegun } from '#engine/change-begun.ts';
import type { StepStates } from '#engine/run.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import type { PlanNode, PlannedStep } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';

/**
 * The keys of the steps that need not run again when a run is retried from `from` (null: from its first failed step).
 * What was undone is not taken over, nor is anything inside a bracket that must be entered again from its start.
 * @throws AutopilotError HA_NOT_FOUND when the plan has no such step, HA_CONFLICT when nothing failed, or when a change
 * was begun: its restore point is older than what the service has written since.
 */
export function reusable(root: PlanNode, states: StepStates, from: string | null): { from: string; keys: string[] } {
  if (changeBegun(root, states)) {
    throw new AutopilotError('HA_CONFLICT', 'the run had begun a change, so what it found then is not true any more', {
      next: 'Ask for a new run with  homelab-autopilot enqueue',
    });
  }
  const start = from ?? firstFailed(root, states);
  const step = planSteps(root).find(({ key }) => key === start);
  if (step === undefined) throw unknownStep(root, start);
  const keys = before(root, start).steps.filter(({ key, undo }) => {
    const undone = undo !== null && states.has(undo.key);
    return states.get(key)?.status === 'succeeded' && !undone;
  });
  return { from: start, keys: keys.map(({ key }) => key) };
}

/** The steps whose place is before `start`, or beside it in another branch, and that may stand as they are. */
function before(node: PlanNode, start: string): { steps: PlannedStep[]; found: boolean } {
  switch (node.type) {
    case 'step':
      return node.step.key === start ? { steps: [], found: true } : { steps: [node.step], found: false };
    case 'sequence':
      return beforeInSequence(node.nodes, start);
    case 'parallel': {
      const branches = node.nodes.map((branch) => before(branch, start));
      return { steps: branches.flatMap(({ steps }) => steps), found: branches.some(({ found }) => found) };
    }
    case 'guard': {
      const body = before(node.body, start);
      if (body.found) return { steps: node.restart ? [] : body.steps, found: true };
      const release = node.finally.findIndex(({ key }) => key === start);
      if (release === -1) return { steps: [...body.steps, ...node.finally], found: false };
      return { steps: node.restart ? [] : body.steps, found: true };
    }
    case 'reversible':
      return before(node.body, start);
  }
}

function beforeInSequence(nodes: readonly PlanNode[], start: string): { steps: PlannedStep[]; found: boolean } {
  const steps: PlannedStep[] = [];
  for (const node of nodes) {
    const part = before(node, start);
    steps.push(...part.steps);
    if (part.found) return { steps, found: true };
  }
  return { steps, found: false };
}

function firstFailed(root: PlanNode, states: StepStates): string {
  const failed = planSteps(root).find(({ key }) => {
    const state = states.get(key);
    return state === undefined || state.status !== 'succeeded';
  });
  if (failed === undefined) {
    throw new AutopilotError('HA_CONFLICT', 'every step of the run succeeded', {
      next: 'Name the step to begin from: runs retry ID --from STEP',
    });
  }
  return failed.key;
}

function unknownStep(root: PlanNode, name: string): AutopilotError {
  const keys = planSteps(root).map(({ key }) => key);
  const guess = nearest(name, keys);
  return new AutopilotError('HA_NOT_FOUND', `the plan has no step "${name}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}Its steps: ${keys.join(', ')}`,
  });
}
