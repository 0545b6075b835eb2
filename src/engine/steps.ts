/** The steps of a plan with their roles, and those of a run that have not come to their end. */
import type { Dispatch, Run } from '#engine/run.ts';
import type { PlanNode, PlannedStep } from '#sdk/plan.ts';
import { planSteps, undoSteps } from '#sdk/plan.ts';

/** Every step that can have a state: forward, `finally` and undo. */
export function allSteps(root: PlanNode): Dispatch[] {
  const tidying = new Set(finallySteps(root));
  return [
    ...planSteps(root).map((step) => ({ step, role: tidying.has(step) ? ('finally' as const) : ('forward' as const) })),
    ...undoSteps(root).map((step) => ({ step, role: 'undo' as const })),
  ];
}

function finallySteps(node: PlanNode): PlannedStep[] {
  switch (node.type) {
    case 'step':
      return [];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(finallySteps);
    case 'guard':
      return [...finallySteps(node.body), ...node.finally];
    case 'reversible':
      return finallySteps(node.body);
  }
}

export function openSteps(run: Run): Dispatch[] {
  return allSteps(run.plan.root).filter(({ step }) => {
    const status = run.states.get(step.key)?.status;
    return status === 'dispatched' || status === 'running';
  });
}
