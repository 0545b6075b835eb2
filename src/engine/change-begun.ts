/** Whether a change as a whole was begun: from then on the world is not what the run's first steps saw. */
import type { StepStates } from '#engine/run.ts';
import type { PlanNode } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';

export function changeBegun(node: PlanNode, states: StepStates): boolean {
  switch (node.type) {
    case 'step':
      return false;
    case 'sequence':
    case 'parallel':
      return node.nodes.some((member) => changeBegun(member, states));
    case 'guard':
      return changeBegun(node.body, states);
    case 'reversible':
      return planSteps(node.body).some(({ key }) => states.has(key));
  }
}
