/** What the engine needs of the world: a journal that survives everything, and a transport that may lose everything. */

import type { Dispatch, Run, RunEvent, StepRole, TerminalStatus } from '#engine/run.ts';
import type { ErrorFacts } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Plan, PlannedStep, UndoStep } from '#sdk/plan.ts';

/** What a worker reports of a step that came to its end. Times are ISO 8601. */
export type StepResult = {
  attempts: number;
  startedAt: string | null;
  finishedAt: string;
} & ({ status: 'succeeded'; output: JsonObject } | { status: 'failed'; error: ErrorFacts });

/** What the transport knows of a run's children at one instant. */
export interface Children {
  /** Keys of steps that wait in a queue or run. */
  pending: ReadonlySet<string>;
  results: ReadonlyMap<string, StepResult>;
}

/** A request that is about to become a run. */
export interface Acceptance {
  id: string;
  plan: Plan;
  input: JsonObject;
  /** ISO 8601; null: at once. */
  notBefore: string | null;
  retryOf: string | null;
  schedule: string | null;
  /** Results of the retried run that are taken over. */
  reuse: readonly { key: string; output: JsonObject }[];
  /** Left out: it waits for nobody but its own service. */
  order?: Order;
}

/** Whose ends a run waits for before it begins. It is skipped when one of them ends badly. */
export interface Order {
  /** Ids of runs, whether they exist by now or not: one that was never asked for is not waited for. */
  after: readonly string[];
  /** Services whose unfinished runs of the same workflow are waited for as well, as far as they are due. */
  needs: readonly string[];
}

/** A waiting run that is not to begin any more, and the run whose end is the reason. */
export interface Stopped {
  run: string;
  service: string;
  workflow: string;
  by: { run: string; service: string; status: TerminalStatus };
}

export interface Ending {
  status: TerminalStatus;
  reason: string | null;
  next: string | null;
}

/**
 * The history and the truth. All calls are synchronous and durable against the death of any process.
 * `atomically` makes several calls one transaction.
 */
export interface Journal {
  atomically<T>(work: () => T): T;
  /** False when a run with this id was accepted before. */
  accept(acceptance: Acceptance): boolean;
  run(id: string): Run | undefined;
  intend(run: string, begin: readonly Dispatch[]): void;
  record(run: string, step: PlannedStep | UndoStep, result: StepResult): void;
  withdraw(run: string, keys: readonly string[]): void;
  /** Writes the one terminal status; false when the run had one already. */
  finish(run: string, ending: Ending): boolean;
  requestCancel(run: string): void;
  /** Starts every waiting run that nothing holds back, in order of request. @returns their ids. */
  admit(limits: AdmissionLimits): string[];
  /** Waiting runs that wait for one that has ended badly by now. */
  stopped(): Stopped[];
  /** Unfinished runs whose plan this program cannot read, with the reason. */
  unreadable(): { id: string; reason: string }[];
  /** Ids of the runs that go on, in order of request. */
  unfinished(): string[];
  tellStory(run: string, text: string): void;
}

export interface AdmissionLimits {
  /** Workflow name → how many runs of it may go on at once. */
  atOnce: ReadonlyMap<string, number>;
}

/** A step as it travels to a worker. */
export interface StepMessage {
  run: string;
  service: string;
  step: PlannedStep | UndoStep;
  role: StepRole;
  /** An earlier dispatch of this step may have reached a worker. */
  mayHaveRun: boolean;
}

/** The queues. Whatever they forget is sent again from the journal. */
export interface Transport {
  /** Brings a run into the queues for the first time. */
  start(run: string): Promise<void>;
  /** Makes sure that the run is being looked at, whatever the queues remember of it. */
  wake(run: string): Promise<void>;
  send(message: StepMessage): Promise<void>;
  /** What is known of the run's steps now: one instant, not three. */
  children(run: string): Promise<Children>;
  /** Takes steps that no worker has begun out of the queues; tells the workers of the others to stop. */
  cancel(run: string, steps: readonly (PlannedStep | UndoStep)[]): Promise<{ withdrawn: string[] }>;
  /** Takes a step out of its queue, whoever had it. @returns false while a worker still holds its lock. */
  takeBack(run: string, step: PlannedStep | UndoStep): Promise<boolean>;
  tell(event: RunEvent): void;
}
