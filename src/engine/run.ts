/** What a run is, from its acceptance to its one terminal status. */
import type { ErrorFacts } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Effect } from '#sdk/contract.ts';
import type { Plan, PlannedStep, UndoStep } from '#sdk/plan.ts';
import type { Log, Progress } from '#sdk/tools.ts';

export const TERMINAL_STATUSES = [
  'succeeded',
  'skipped',
  'failed',
  'rolled_back',
  'cancelled',
  'needs_attention',
] as const;

/**
 * - `succeeded`: all steps done and verified. `skipped`: nothing was to be done.
 * - `failed`: nothing is changed, or what was stopped runs again. `rolled_back`: changed, and put back, verified.
 * - `cancelled`: a person stopped it; put back like a failure. `needs_attention`: could not be put back.
 */
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];
export type RunStatus = 'queued' | 'running' | TerminalStatus;

export const RUN_STATUSES: readonly RunStatus[] = ['queued', 'running', ...TERMINAL_STATUSES];

export function isTerminal(status: RunStatus): status is TerminalStatus {
  return status !== 'queued' && status !== 'running';
}

/**
 * - `dispatched`: its intention is written; it waits in a queue or runs.
 * - `withdrawn`: taken out of the queue before any worker began it.
 */
export type StepStatus = 'dispatched' | 'running' | 'succeeded' | 'failed' | 'withdrawn';

/** What is known of a step that was ever dispatched. A step without a state has not begun. */
export interface StepState {
  status: StepStatus;
  output: JsonObject | null;
  error: ErrorFacts | null;
}

export type StepStates = ReadonlyMap<string, StepState>;

/** A step on its way to a worker. */
export interface Dispatch {
  step: PlannedStep | UndoStep;
  role: StepRole;
}

/** `forward` steps obey a cancel; `undo` and `finally` steps do not listen to it. */
export type StepRole = 'forward' | 'undo' | 'finally';

/** A run as the engine works on it. */
export interface Run {
  id: string;
  plan: Plan;
  status: RunStatus;
  cancelRequested: boolean;
  states: StepStates;
}

/** Times are ISO 8601 in UTC. */
export interface StepView {
  name: string;
  title: string;
  kind: string;
  action: string;
  host: string;
  status: StepStatus | 'planned' | 'reused';
  attempts: number;
  effect: Effect;
  startedAt: string | null;
  finishedAt: string | null;
  /** One sentence of what was done, from the step's own output. */
  summary: string | null;
  error: string | null;
  errorCode: string | null;
  next: string | null;
  undo: boolean;
}

export interface RunView {
  id: string;
  workflow: string;
  service: string;
  host: string;
  status: RunStatus;
  requestedAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  /** Why it ended as it did, in a sentence; null while it runs and when there is nothing to add. */
  reason: string | null;
  next: string | null;
  retryOf: string | null;
  /** The schedule whose tick asked for it, if one did. */
  schedule: string | null;
  restorePoint: string | null;
}

export interface RunDetail extends RunView {
  planHash: string;
  /** How long the service was stopped for it, in milliseconds; null: it was not, or it is not known to run again. */
  outageMs: number | null;
  steps: StepView[];
  /** What happened, in plain words, oldest first. */
  story: { at: string; text: string }[];
}

/** What is told while a run goes on. `at` is ISO 8601. */
export type RunEvent =
  | { type: 'run'; run: string; at: string; status: RunStatus; reason: string | null }
  | { type: 'step'; run: string; at: string; step: string; status: StepStatus; attempt: number; text: string | null }
  | { type: 'progress'; run: string; at: string; step: string; progress: Progress }
  | { type: 'log'; run: string; at: string; step: string; level: keyof Log; message: string; fields: JsonObject };
