/** Small plans for tests of the engine: steps that name themselves, and nothing else. */
import type { Plan, PlanNode, PlannedStep, UndoStep } from '#sdk/plan.ts';

export interface StepWish {
  undo?: boolean;
  host?: string;
  effect?: PlannedStep['effect'];
  stopUnless?: string;
  stopIf?: string;
  attempts?: number;
  input?: PlannedStep['input'];
  timeoutMs?: number;
}

export function step(key: string, wish: StepWish = {}): PlanNode {
  const base: UndoStep = {
    key,
    title: key,
    action: key,
    plugin: { kind: 'service', name: 'notes', type: 'generic', config: {} },
    uses: [],
    host: wish.host ?? 'nas',
    input: wish.input ?? {},
    effect: wish.effect ?? 'idempotent',
    timeoutMs: wish.timeoutMs ?? 10_000,
    retry: { attempts: wish.attempts ?? 1, backoffMs: 5, maxBackoffMs: 20 },
    failUnless: null,
  };
  const undo = wish.undo === true ? { ...base, key: `undo-${key}`, title: `undo ${key}`, action: `undo-${key}` } : null;
  return { type: 'step', step: { ...base, undo, stopUnless: wish.stopUnless ?? null, stopIf: wish.stopIf ?? null } };
}

export function guard(body: PlanNode, release: string, options: { restart?: boolean } = {}): PlanNode {
  const node = step(release);
  if (node.type !== 'step') throw new Error('a step is a step');
  return { type: 'guard', body, finally: [node.step], restart: options.restart ?? true };
}

/** A change as a whole, put back by steps of these names. */
export function reversible(body: PlanNode, ...ways: string[]): PlanNode {
  const undo = ways.map((way): UndoStep => {
    const node = step(`undo-${way}`);
    if (node.type !== 'step') throw new Error('a step is a step');
    const { undo: _undo, stopUnless: _stopUnless, stopIf: _stopIf, ...base } = node.step;
    return base;
  });
  return { type: 'reversible', body, undo };
}

export function inSequence(...nodes: PlanNode[]): PlanNode {
  return { type: 'sequence', nodes };
}

export function sideBySide(...nodes: PlanNode[]): PlanNode {
  return { type: 'parallel', nodes };
}

export function planOf(root: PlanNode, wish: Partial<Plan> = {}): Plan {
  return { format: 1, workflow: 'backup', service: 'notes', host: 'nas', changes: true, root, ...wish };
}
