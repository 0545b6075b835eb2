/** Which steps of a plan stand side by side, as signs of a tree. */

import type { Branches } from '#cli/render/steps.ts';
import type { PlanNode } from '#sdk/plan.ts';

export function branchesOf(root: PlanNode): Branches {
  const branches = new Map<string, '├' | '└'>();
  collect(root, branches);
  return branches;
}

function collect(node: PlanNode, branches: Map<string, '├' | '└'>): void {
  switch (node.type) {
    case 'step':
      return;
    case 'sequence':
      for (const child of node.nodes) collect(child, branches);
      return;
    case 'guard':
    case 'reversible':
      collect(node.body, branches);
      return;
    case 'parallel': {
      const keys = stepKeys(node);
      // A group of one is a line like any other.
      if (node.nodes.length < 2) return;
      for (const [i, key] of keys.entries()) branches.set(key, i === keys.length - 1 ? '└' : '├');
    }
  }
}

function stepKeys(node: PlanNode): string[] {
  switch (node.type) {
    case 'step':
      return [node.step.key];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(stepKeys);
    case 'guard':
      return [...stepKeys(node.body), ...node.finally.map(({ key }) => key)];
    case 'reversible':
      return stepKeys(node.body);
  }
}
