/** `runs retry --from STEP`: which results of an ended run a new run takes over. */

import type { StepStates } from '#engine/run.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import type { PlanNode, PlannedStep } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';

/**
 * The keys of the steps that need not run again when a run is retried from `from` (null: from its first failed step).
 * What was undone is not taken over, nor is anything inside a bracket that must be entered again from its start.
 * @throws AutopilotError HA_NOT_FOUND when the plan has no such step, HA_CONFLICT when nothing failed.
 */
export function reusable(root: PlanNode, states: StepStates, from: string | null): { from: string; keys: string[] } {
  const start = from ?? firstFailed(root, states);
  const step = planSteps(root).find(({ key }) => key === start);
  if (step === undefined) throw unknownStep(root, start);
  const keys = before(root, { start, states }).steps.filter(({ key, undo }) => {
    const undone = undo !== null && states.has(undo.key);
    return states.get(key)?.status === 'succeeded' && !undone;
  });
  return { from: start, keys: keys.map(({ key }) => key) };
}

interface Beginning {
  start: string;
  states: StepStates;
}

interface Before {
  steps: PlannedStep[];
  found: boolean;
}

/** The steps whose place is before `start`, or beside it in another branch, and that may stand as they are. */
function before(node: PlanNode, at: Beginning): Before {
  switch (node.type) {
    case 'step':
      return node.step.key === at.start ? { steps: [], found: true } : { steps: [node.step], found: false };
    case 'sequence':
      return beforeInSequence(node.nodes, at);
    case 'parallel': {
      const branches = node.nodes.map((branch) => before(branch, at));
      return { steps: branches.flatMap(({ steps }) => steps), found: branches.some(({ found }) => found) };
    }
    case 'guard': {
      const body = before(node.body, at);
      if (body.found) return { steps: node.restart ? [] : body.steps, found: true };
      const release = node.finally.findIndex(({ key }) => key === at.start);
      if (release === -1) return { steps: [...body.steps, ...node.finally], found: false };
      return { steps: node.restart ? [] : body.steps, found: true };
    }
    case 'reversible': {
      const { steps, found } = before(node.body, at);
      // It was put back as a whole, or would be: half of a change is nothing to build on.
      const stands = !found && !node.undo.some(({ key }) => at.states.has(key));
      return { steps: stands ? steps : [], found };
    }
  }
}

function beforeInSequence(nodes: readonly PlanNode[], at: Beginning): Before {
  const steps: PlannedStep[] = [];
  for (const node of nodes) {
    const part = before(node, at);
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
