/** A plan as data: what a run will do, stored with it and never recomputed. */
import { z } from 'zod';
import type { Json } from '#kernel/json.ts';

const JsonObject = z.record(z.string(), z.json());

/** A configured plugin instance as a step carries it to the worker that runs it. It holds no secret, only references. */
export const PluginRef = z.object({
  kind: z.enum(['hypervisor', 'service', 'destination', 'notification', 'archive']),
  /** The name that the user gave: of the service, of the destination … */
  name: z.string(),
  /** The plugin's id: `generic`, `local` … */
  type: z.string(),
  config: JsonObject,
});
export type PluginRef = z.output<typeof PluginRef>;

/** How often and at what pace a failing step is tried. The wait doubles each time, with jitter, up to the maximum. */
export const RetryPolicy = z.object({
  attempts: z.int().min(1),
  backoffMs: z.int().nonnegative(),
  maxBackoffMs: z.int().nonnegative(),
});
export type RetryPolicy = z.output<typeof RetryPolicy>;

const StepBase = z.object({
  /** Unique in the plan: `copy-usb`. */
  key: z.string().regex(/^[a-z][a-z0-9._-]*$/),
  /** For people: `copy → usb`. */
  title: z.string(),
  action: z.string(),
  plugin: PluginRef,
  /** Other instances that the action calls: the destination of a copy. */
  uses: z.array(PluginRef),
  host: z.string(),
  input: JsonObject,
  effect: z.enum(['read', 'idempotent', 'once']),
  timeoutMs: z.int().positive(),
  retry: RetryPolicy,
  /** A field of the output that must be true; otherwise the step has failed, with the output's summary as the reason. */
  failUnless: z.string().nullable().default(null),
});

/** An undo step has no undo of its own. */
export const UndoStep = StepBase;
export type UndoStep = z.output<typeof UndoStep>;

export const PlannedStep = StepBase.extend({
  /** Puts back what this step changed; run in reverse order when the run fails. */
  undo: UndoStep.nullable(),
  /** A field of the output that must be true for the run to go on; otherwise it ends as `skipped`. */
  stopUnless: z.string().nullable(),
  /** The opposite: a field of the output that ends the run as `skipped` when it is true. */
  stopIf: z.string().nullable().default(null),
});
export type PlannedStep = z.output<typeof PlannedStep>;

export type PlanNode =
  | { type: 'step'; step: PlannedStep }
  | { type: 'sequence'; nodes: PlanNode[] }
  | { type: 'parallel'; nodes: PlanNode[] }
  | {
      /** The `finally` steps run once the body has begun and ended, however it ended. */
      type: 'guard';
      body: PlanNode;
      finally: PlannedStep[];
      /** A retry from inside the body starts at the body's first step: what was stopped must be stopped again. */
      restart: boolean;
    }
  | {
      /** The body is a change as a whole: when the run fails after it began, the `undo` steps put it back, in their order. */
      type: 'reversible';
      body: PlanNode;
      /** Empty: nothing here may put it back, so a failure is a person's matter. */
      undo: UndoStep[];
    };

export const PlanNode: z.ZodType<PlanNode> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('step'), step: PlannedStep }),
    z.object({ type: z.literal('sequence'), nodes: z.array(PlanNode) }),
    z.object({ type: z.literal('parallel'), nodes: z.array(PlanNode) }),
    z.object({ type: z.literal('guard'), body: PlanNode, finally: z.array(PlannedStep), restart: z.boolean() }),
    z.object({ type: z.literal('reversible'), body: PlanNode, undo: z.array(UndoStep) }),
  ]),
);

export const Plan = z.object({
  format: z.literal(1),
  workflow: z.string(),
  service: z.string(),
  host: z.string(),
  /** Whether the run takes the service for itself. */
  changes: z.boolean(),
  root: PlanNode,
});
export type Plan = z.output<typeof Plan>;

/** A place in a step's input that is filled from an earlier step's output when the step is dispatched. */
export interface OutputRef {
  $output: { step: string; field: string };
}

export function isOutputRef(value: Json): value is { $output: { step: string; field: string } } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && '$output' in value;
}

/** Every forward and `finally` step of a plan, in the order in which a person would tell them. */
export function planSteps(node: PlanNode): PlannedStep[] {
  switch (node.type) {
    case 'step':
      return [node.step];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(planSteps);
    case 'guard':
      return [...planSteps(node.body), ...node.finally];
    case 'reversible':
      return planSteps(node.body);
  }
}

/** Every undo step of a plan, in the order in which they would run if all of it had to be put back. */
export function undoSteps(node: PlanNode): UndoStep[] {
  switch (node.type) {
    case 'step':
      return node.step.undo === null ? [] : [node.step.undo];
    case 'sequence':
    case 'parallel':
      return node.nodes.toReversed().flatMap(undoSteps);
    case 'guard':
      return [...node.finally.toReversed().flatMap(({ undo }) => undo ?? []), ...undoSteps(node.body)];
    case 'reversible':
      return [...undoSteps(node.body), ...node.undo];
  }
}
