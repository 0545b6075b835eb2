/** What next? A pure function from a plan and what is known of its steps: asked again after any crash, it answers the same. */
import type { Dispatch, StepState, StepStates, TerminalStatus } from '#engine/run.ts';
import type { PlanNode, PlannedStep, UndoStep } from '#sdk/plan.ts';
import { planSteps, undoSteps } from '#sdk/plan.ts';

export type Decision =
  /** Begin these steps (siblings of one parallel group), or, when there are none, wait for those that run. */
  { type: 'go'; begin: Dispatch[] } | { type: 'end'; status: TerminalStatus; because: string | null };

/** How far a part of the plan has come. */
type Progress =
  | { is: 'open'; begin: Dispatch[] }
  | { is: 'done' }
  /** A step said that there is nothing to do. */
  | { is: 'stopped'; by: string }
  | { is: 'failed'; by: string }
  /** Something could not be put back. `keep`: an undo failed, so nothing that could still help may be tidied away. */
  | { is: 'broken'; by: string; keep: boolean };

interface View {
  states: StepStates;
  /** No new forward step begins. */
  cancelled: boolean;
}

/** Decides on the whole plan. */
export function decide(root: PlanNode, states: StepStates, cancelled: boolean): Decision {
  const view: View = { states, cancelled };
  const forward = progressOf(root, view);
  if (forward.is === 'open') return { type: 'go', begin: forward.begin };
  if (forward.is === 'done') return { type: 'end', status: 'succeeded', because: null };
  if (forward.is === 'stopped') return { type: 'end', status: 'skipped', because: forward.by };
  const settled = forward.is === 'broken' && forward.keep ? forward : afterUndo(root, forward, view);
  if (settled.is === 'open') return { type: 'go', begin: settled.begin };
  if (settled.is === 'broken') return { type: 'end', status: 'needs_attention', because: settled.by };
  const because = settled.is === 'failed' ? settled.by : null;
  if (cancelled) return { type: 'end', status: 'cancelled', because };
  return { type: 'end', status: undoneSomething(root, states) ? 'rolled_back' : 'failed', because };
}

function progressOf(node: PlanNode, view: View): Progress {
  switch (node.type) {
    case 'step':
      return stepProgress(node.step, view);
    case 'sequence':
      return sequenceProgress(node.nodes, view);
    case 'parallel':
      return parallelProgress(node.nodes.map((member) => progressOf(member, view)));
    case 'guard':
      return guardProgress(node, view);
    case 'reversible':
      return reversibleProgress(node, view);
  }
}

/** A step whose outcome nobody can tell is put back with the rest of the change, whatever it was. */
function reversibleProgress(node: Extract<PlanNode, { type: 'reversible' }>, view: View): Progress {
  const body = progressOf(node.body, view);
  if (body.is !== 'broken' || body.keep || node.undo.length === 0) return body;
  const unknown = view.states.get(body.by)?.error?.code === 'HA_OUTCOME_UNKNOWN';
  return unknown ? { is: 'failed', by: body.by } : body;
}

function stepProgress(step: PlannedStep, view: View): Progress {
  const state = view.states.get(step.key);
  if (state === undefined) {
    return view.cancelled ? { is: 'failed', by: step.key } : { is: 'open', begin: [{ step, role: 'forward' }] };
  }
  if (isOpen(state)) return { is: 'open', begin: [] };
  if (state.status !== 'succeeded') return failure(step, state);
  const says = (field: string | null, answer: boolean) => field !== null && state.output?.[field] === answer;
  return says(step.stopUnless, false) || says(step.stopIf, true) ? { is: 'stopped', by: step.key } : { is: 'done' };
}

/** A failed step whose outcome nobody can tell, and which nothing puts back, is a person's matter. */
function failure(step: PlannedStep, state: StepState): Progress {
  const unknown = state.error?.code === 'HA_OUTCOME_UNKNOWN' && step.undo === null;
  return unknown ? { is: 'broken', by: step.key, keep: false } : { is: 'failed', by: step.key };
}

function sequenceProgress(nodes: readonly PlanNode[], view: View): Progress {
  for (const node of nodes) {
    const progress = progressOf(node, view);
    if (progress.is !== 'done') return progress;
  }
  return { is: 'done' };
}

/** Branches do not disturb each other: a failure shows only when all of them have come to their end. */
function parallelProgress(branches: readonly Progress[]): Progress {
  const open = branches.filter((branch) => branch.is === 'open');
  if (open.length > 0) return { is: 'open', begin: open.flatMap((branch) => branch.begin) };
  const gravity = ['broken', 'failed', 'stopped'] as const;
  for (const is of gravity) {
    const worst = branches.find((branch) => branch.is === is);
    if (worst !== undefined) return worst;
  }
  return { is: 'done' };
}

function guardProgress(guard: Extract<PlanNode, { type: 'guard' }>, view: View): Progress {
  const body = progressOf(guard.body, view);
  const begun = planSteps(guard.body).some(({ key }) => view.states.has(key));
  if (body.is === 'open' || !begun) return body;
  const settled = body.is === 'failed' ? afterUndo(guard.body, body, view) : body;
  if (settled.is === 'open') return settled;
  // What tidies up may remove the last way back; what releases (starts a service again) runs in any case.
  if (settled.is === 'broken' && settled.keep && !guard.restart) return settled;
  return afterFinally(guard.finally, settled, view);
}

/** Runs `finally` steps one after the other, each whatever became of the one before, deaf to a cancel. */
function afterFinally(steps: readonly PlannedStep[], body: Progress, view: View): Progress {
  let result = body;
  for (const step of steps) {
    const state = view.states.get(step.key);
    if (state === undefined) return { is: 'open', begin: [{ step, role: 'finally' }] };
    if (isOpen(state)) return { is: 'open', begin: [] };
    if (state.status !== 'succeeded' && result.is !== 'broken') result = { is: 'broken', by: step.key, keep: false };
  }
  return result;
}

/** Undoes what was begun inside `node`, the last first; a failed step's own undo included: it may have done half. */
function afterUndo(node: PlanNode, body: Extract<Progress, { by: string }>, view: View): Progress {
  for (const step of waysBack(node, view)) {
    if (step === 'none') return { is: 'broken', by: body.by, keep: true };
    const undo = view.states.get(step.key);
    if (undo === undefined) return { is: 'open', begin: [{ step, role: 'undo' }] };
    if (isOpen(undo)) return { is: 'open', begin: [] };
    // No further undo: an earlier one might remove what the failed one still needs.
    if (undo.status !== 'succeeded') return { is: 'broken', by: step.key, keep: true };
  }
  return body;
}

/** The undo steps of what was begun, in their order; `none` stands for a change that nothing here may put back. */
function waysBack(node: PlanNode, view: View): (UndoStep | 'none')[] {
  switch (node.type) {
    case 'step':
      return node.step.undo !== null && hasBegun(node, view) ? [node.step.undo] : [];
    case 'sequence':
    case 'parallel':
      return node.nodes.toReversed().flatMap((member) => waysBack(member, view));
    case 'guard': {
      const tidying = node.finally.map((step): PlanNode => ({ type: 'step', step }));
      return [...tidying.toReversed(), node.body].flatMap((member) => waysBack(member, view));
    }
    case 'reversible': {
      if (!hasBegun(node.body, view)) return [];
      const own = node.undo.length === 0 ? (['none'] as const) : node.undo;
      return [...waysBack(node.body, view), ...own];
    }
  }
}

/** A step that was withdrawn from its queue never reached a worker. */
function hasBegun(node: PlanNode, { states }: View): boolean {
  return planSteps(node).some(({ key }) => {
    const state = states.get(key);
    return state !== undefined && state.status !== 'withdrawn';
  });
}

function isOpen(state: StepState): boolean {
  return state.status === 'dispatched' || state.status === 'running';
}

function undoneSomething(root: PlanNode, states: StepStates): boolean {
  return undoSteps(root).some(({ key }) => states.get(key)?.status === 'succeeded');
}
