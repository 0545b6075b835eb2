/** What the author of a workflow writes with. A workflow is a pure function from facts to a plan. */
import { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import type { Actions, InputOf, KindName, OutputOf, PluginSection } from '#sdk/contract.ts';
import type { Encryption } from '#sdk/encryption.ts';
import type { GuestBackupRules, GuestDrillRules } from '#sdk/guest-backup.ts';
import type { archive, Compression } from '#sdk/kinds/archive.ts';
import type { destination, SetPurpose } from '#sdk/kinds/destination.ts';
import type { hypervisor } from '#sdk/kinds/hypervisor.ts';
import type { service } from '#sdk/kinds/service.ts';
import type { PlanNode, PlannedStep, PluginRef, RetryPolicy, UndoStep } from '#sdk/plan.ts';
import type { Retention } from '#sdk/retention.ts';

export interface StepOptions {
  /** Unique in the plan. Default: the action's name in kebab case. */
  key?: string;
  /** Default: the key. */
  title?: string;
  timeoutMs?: number;
  retry?: Partial<RetryPolicy>;
  /** The step that puts back what this one changed. */
  undo?: StepNode;
  /** A true-or-false field of the output; when it is false the run ends as `skipped`. */
  stopUnless?: string;
  /** A true-or-false field of the output; when it is true there is nothing to do, and the run ends as `skipped`. */
  stopIf?: string;
  /** A true-or-false field of the output; when it is false the step has failed, and its summary is the reason. */
  failUnless?: string;
  /** Instances that the action calls. */
  uses?: readonly { readonly ref: PluginRef }[];
}

export type StepNode = Extract<PlanNode, { type: 'step' }>;

/** A configured plugin instance, as a workflow sees it: its name, and steps to be done with it. */
export interface Handle<A extends Actions> {
  readonly name: string;
  readonly ref: PluginRef;
  /** Whether its plugin has the action: an optional one is asked for before it is planned. */
  can(action: keyof A & string): boolean;
  /** Whether image and data may only go back together. */
  readonly whole: boolean;
  do<K extends keyof A & string>(action: K, input: InputOf<A[K]>, options?: StepOptions): StepNode;
}

/** The facts that a plan is made from. Nothing else may flow into it: no clock, no files, no chance. */
export interface PlanContext {
  /**
   * `restorePoint` is the id of the backup set that this run makes, `replaced` of the one with what it replaces, and
   * `snapshot` the label of its snapshot.
   */
  run: { id: string; restorePoint: string; replaced: string; snapshot: string };
  service: Handle<(typeof service)['actions']>;
  /** The same service, judged by the probes that watch it as well. */
  watched: Handle<(typeof service)['actions']>;
  /** The guest that the service runs in; null when it names none. */
  guest: { hypervisor: Handle<(typeof hypervisor)['actions']>; id: string } | null;
  archive: Handle<(typeof archive)['actions']>;
  backup: {
    destinations: Handle<(typeof destination)['actions']>[];
    retention: Retention;
    compression: z.output<typeof Compression>;
    encryption: Encryption;
    timeoutMs: number;
    /** Whether a destination keeps only once what two sets have in common. */
    shared: boolean;
    /** Whether the service has databases that are dumped. */
    databases: boolean;
    drill: DrillFacts;
    /** Of the guest as a whole, by its platform; null: none is made. */
    guest: GuestBackupRules | null;
  };
  change: ChangeFacts;
  /** The service's sets that the history knows, newest first. */
  restorePoints: readonly { id: string; createdAt: string; purpose: SetPurpose; sizeBytes: number }[];
}

/** What follows a failed update: the way back by itself, a person who is asked first, or nothing. */
export const ROLLBACK_MODES = ['auto', 'ask', 'never'] as const;

/** What the configuration says of restore drills. */
export interface DrillFacts {
  /** Name of the destination whose newest set is tried; null: the first one of the service. */
  destination: string | null;
  /** A set that holds more is not unpacked. */
  maxBytes: number;
  timeoutMs: number;
  /** Whether dumps are loaded into servers of the drill's own. */
  databases: boolean;
  /** Whether the service's probes are asked of a copy that is started. */
  probes: boolean;
  /** Of backups of the whole guest; null: they are not tried. */
  guest: GuestDrillRules | null;
}

/** What the configuration says of updates and of the way back. */
export interface ChangeFacts {
  /** How the new version is judged, and the old one after a rollback. */
  gate: { timeoutMs: number; stableForMs: number };
  rollback: {
    mode: (typeof ROLLBACK_MODES)[number];
    /** `auto` asks as well when the data to come back is older than this; null: it never asks. */
    askAfterMs: number | null;
    image: boolean;
    config: boolean;
    data: boolean;
  };
  /** The `update:` section, as far as it speaks of versions. */
  policy: JsonObject;
}

export interface Workflow<S extends z.ZodObject = z.ZodObject> {
  name: string;
  /** One sentence for `--help`: starts with a verb. */
  title: string;
  /** True when runs of it must have the service for themselves. */
  changes: boolean;
  /** Whether a run waits for those of the services that its own depends on, and is skipped when one of them fails. */
  waves?: boolean;
  /** The section that a service must have to be meant by `--all`. Only `heal` can do without a backup. */
  section: PluginSection | 'heal';
  /** What `--input k=v` may carry. */
  input: S;
  plan(context: PlanContext, input: z.output<S>): PlanNode;
}

/** A text of the input: what is typed on a command line may look like a number. */
export const InputText = z.union([z.string(), z.number()]).transform(String);

/** Declares a workflow. A file in `workflows/` ends in `export const workflow = defineWorkflow({…})`. */
export function defineWorkflow<S extends z.ZodObject>(workflow: Workflow<S>): Workflow<S> {
  return workflow;
}

/** One after the other; the first that fails ends the sequence. */
export function sequence(...nodes: PlanNode[]): PlanNode {
  return { type: 'sequence', nodes };
}

/** Side by side; when one fails the others still go on to their end. */
export function parallel(...nodes: PlanNode[]): PlanNode {
  return { type: 'parallel', nodes };
}

/** Does `body`, and then `release` whatever happened. What was stopped is started again by this. */
export function bracket(body: PlanNode, release: StepNode): PlanNode {
  return { type: 'guard', body, finally: [release.step], restart: true };
}

/** Does `body`, and then tidies up whatever happened. Unlike `bracket`, a retry may begin in the middle of the body. */
export function tidied(body: PlanNode, ...steps: StepNode[]): PlanNode {
  return { type: 'guard', body, finally: steps.map(({ step }) => step), restart: false };
}

/**
 * A change as a whole: when the run fails after it began, `way back` puts it back, step by step in this order. Without
 * any step nothing here may put it back, and a failure calls a person.
 */
export function reversible(body: PlanNode, ...wayBack: StepNode[]): PlanNode {
  return { type: 'reversible', body, undo: wayBack.map((node) => asUndo(node)) };
}

/**
 * The output of an earlier step as input of a later one. The value is not known while planning: it stands in the plan
 * as a reference, and is filled in when the later step is dispatched.
 */
export function outputOf<A extends Actions, K extends keyof A & string, F extends keyof OutputOf<A[K]> & string>(
  _handle: Handle<A>,
  _action: K,
  step: string,
  field: F,
): OutputOf<A[K]>[F] {
  // A reference has the type of the value that it stands for, so that inputs type-check as if it were known.
  return { $output: { step, field } } as OutputOf<A[K]>[F];
}

const DEFAULT_RETRY: Record<PlannedStep['effect'], RetryPolicy> = {
  read: { attempts: 3, backoffMs: 1_000, maxBackoffMs: 30_000 },
  idempotent: { attempts: 3, backoffMs: 2_000, maxBackoffMs: 60_000 },
  once: { attempts: 1, backoffMs: 0, maxBackoffMs: 0 },
};

/** Undo and `finally` steps are what a person relies on: they are tried for long. */
const PERSISTENT_RETRY: RetryPolicy = { attempts: 12, backoffMs: 1_000, maxBackoffMs: 60_000 };

/** Makes the handle of an instance. The app calls this; workflows get handles in their context. */
export function handle<A extends Actions>(
  actions: A,
  ref: PluginRef,
  place: { host: string; timeoutMs: number; lacks?: ReadonlySet<string>; whole?: boolean },
): Handle<A> {
  return {
    name: ref.name,
    ref,
    whole: place.whole === true,
    can: (action) => action in actions && place.lacks?.has(action) !== true,
    do(action, input, options = {}) {
      const key = options.key ?? kebab(action);
      const { effect } = known(actions, action, ref.kind);
      const base = {
        key,
        title: options.title ?? key,
        action,
        plugin: ref,
        uses: (options.uses ?? []).map((used) => used.ref),
        host: place.host,
        // An input is JSON by its contract; the worker validates it against the schema again.
        input: input as PlannedStep['input'],
        effect,
        timeoutMs: options.timeoutMs ?? place.timeoutMs,
        retry: { ...DEFAULT_RETRY[effect], ...options.retry },
        failUnless: options.failUnless ?? null,
      };
      return {
        type: 'step',
        step: {
          ...base,
          undo: undoStep(key, options.undo),
          stopUnless: options.stopUnless ?? null,
          stopIf: options.stopIf ?? null,
        },
      };
    },
  };
}

/** Marks a step as one that must not be given up soon. */
export function persistent(node: StepNode): StepNode {
  return { type: 'step', step: { ...node.step, retry: PERSISTENT_RETRY } };
}

function undoStep(key: string, node: StepNode | undefined): PlannedStep['undo'] {
  return node === undefined ? null : { ...asUndo(node), key: `undo-${key}` };
}

/** A check is not tried again for long: it has waited for its verdict already. */
function asUndo(node: StepNode): UndoStep {
  const { step } = node.step.failUnless === null ? persistent(node) : node;
  const { undo: _undo, stopUnless: _stopUnless, stopIf: _stopIf, ...rest } = step;
  return { ...rest, key: `undo-${step.key}` };
}

function known(actions: Actions, name: string, kind: KindName): Actions[string] {
  const action = actions[name];
  if (action === undefined) throw new Error(`${kind} has no action ${name}`);
  return action;
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
