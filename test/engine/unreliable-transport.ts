/** A transport for tests that loses, repeats and reorders, and workers whose effects on the world can be looked at. */
import type { Children, StepMessage, StepResult, Transport } from '#engine/ports.ts';
import { AutopilotError, errorFacts } from '#kernel/errors.ts';

export interface UnreliableWorld {
  transport: Transport;
  /** Runs whose root would be looked at now. */
  awake: Set<string>;
  /** Sent and not yet worked. */
  waiting: readonly StepMessage[];
  /** `run step` → whether its effect is in the world now. */
  effects: Map<string, boolean>;
  /** A worker takes any of the waiting messages and does its work; `loses`: it dies before anybody hears of it. */
  work(index: number, loses: boolean): void;
  /** All that the transport knows is gone. */
  forget(): void;
  /** The engine dies at its N-th call from now on: that call and all later ones fail, until it is born again. */
  dieAt(call: number): void;
  bornAgain(): void;
}

interface Root {
  pending: Set<string>;
  results: Map<string, StepResult>;
}

/**
 * @param fails whether a step of this key fails whenever it is worked.
 * @param undoFails the same for what puts things back or tidies up.
 */
export function unreliableWorld(
  fails: (key: string) => boolean,
  undoFails: (key: string) => boolean = () => false,
): UnreliableWorld {
  const roots = new Map<string, Root>();
  const cancelled = new Set<string>();
  const awake = new Set<string>();
  const effects = new Map<string, boolean>();
  const begun = new Set<StepMessage>();
  let waiting: StepMessage[] = [];
  let callsLeft = Number.POSITIVE_INFINITY;
  const call = () => {
    if (--callsLeft <= 0) throw new Error('the engine has died');
  };
  const root = (run: string): Root => {
    const known = roots.get(run) ?? { pending: new Set(), results: new Map() };
    roots.set(run, known);
    return known;
  };
  const isOpen = ({ run, step }: StepMessage) => root(run).pending.has(step.key);

  const transport: Transport = {
    async start(run) {
      call();
      root(run);
      awake.add(run);
    },
    async wake(run) {
      call();
      root(run);
      awake.add(run);
    },
    async send(message) {
      call();
      const { pending, results } = root(message.run);
      const { key } = message.step;
      if (pending.has(key) || results.has(key)) return;
      pending.add(key);
      waiting.push(message);
    },
    async children(run): Promise<Children> {
      call();
      const { pending, results } = root(run);
      return { pending: new Set(pending), results: new Map(results) };
    },
    async cancel(run, steps) {
      call();
      cancelled.add(run);
      const keys = new Set(steps.map(({ key }) => key));
      const withdrawn = waiting.filter(
        (message) => message.run === run && keys.has(message.step.key) && !message.mayHaveRun && !begun.has(message),
      );
      waiting = waiting.filter((message) => !withdrawn.includes(message));
      for (const { step } of withdrawn) root(run).pending.delete(step.key);
      return { withdrawn: withdrawn.map(({ step }) => step.key) };
    },
    takeBack: async () => true,
    tell: () => undefined,
  };

  function finished(message: StepMessage): StepResult {
    const at = new Date(0).toISOString();
    const common = { attempts: 1, startedAt: at, finishedAt: at };
    const { key } = message.step;
    const forward = message.role === 'forward';
    const told = forward && cancelled.has(message.run);
    if (!told && !(forward ? fails(key) : undoFails(key))) return { ...common, status: 'succeeded', output: {} };
    const error = errorFacts(new AutopilotError(told ? 'HA_CANCELLED' : 'HA_CHECK_FAILED', `${key} failed`));
    return { ...common, status: 'failed', error };
  }

  return {
    transport,
    awake,
    effects,
    get waiting() {
      return waiting;
    },
    work(index, loses) {
      const message = waiting[index % Math.max(1, waiting.length)];
      if (message === undefined) return;
      begun.add(message);
      // Whoever fails may have done its deed: that is the harder case.
      const undoes = message.role === 'undo';
      effects.set(`${message.run} ${undoes ? message.step.key.replace('undo-', '') : message.step.key}`, !undoes);
      if (loses) return;
      waiting = waiting.filter((other) => other !== message);
      if (!isOpen(message)) return;
      const { pending, results } = root(message.run);
      pending.delete(message.step.key);
      results.set(message.step.key, finished(message));
      awake.add(message.run);
    },
    forget() {
      roots.clear();
      cancelled.clear();
      awake.clear();
      waiting = [];
    },
    dieAt(count) {
      callsLeft = count;
    },
    bornAgain() {
      callsLeft = Number.POSITIVE_INFINITY;
    },
  };
}
