/** Drives runs: records what happened, decides what is next, writes the intention down, and only then acts. */
import { decide } from '#engine/decide.ts';
import { endingOf, stoppedEnding } from '#engine/ending.ts';
import { fillInput } from '#engine/input.ts';
import type { Acceptance, AdmissionLimits, Children, Ending, Journal, Transport } from '#engine/ports.ts';
import type { Dispatch, Run, RunStatus, StepRole, TerminalStatus } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { allSteps, openSteps } from '#engine/steps.ts';
import { faultPoint } from '#kernel/fault.ts';
import type { PlannedStep, UndoStep } from '#sdk/plan.ts';

export interface EnginePorts {
  journal: Journal;
  transport: Transport;
  limits: AdmissionLimits;
  now(): Date;
}

export interface Engine {
  /** Takes a run on. It is accepted when this returns; asking again with the same id changes nothing. */
  accept(acceptance: Acceptance): Promise<void>;
  /** Looks at one run: `parked` when it waits for its children, otherwise its terminal status. */
  advance(run: string): Promise<'parked' | TerminalStatus>;
  /**
   * A step of the run has ended. With branches side by side the queue wakes a run only when all of its steps have
   * ended; this lets each branch go on at its own pace.
   */
  nudge(run: string): Promise<void>;
  /** Stops a run: no further forward step begins, those that run are aborted, and what was done is put back. */
  cancel(run: string, because?: string): Promise<void>;
  /**
   * Ends the steps that wait for workers which are not there: `absent` tells for a step since when (milliseconds) no
   * worker could take it, or null. What can be undone elsewhere is undone.
   */
  giveUpOn(absent: (step: PlannedStep | UndoStep) => number | null): Promise<void>;
  /** Starts waiting runs that nothing holds back any more. */
  admit(): Promise<void>;
  /** Makes sure that every unfinished run is being driven, also after the transport lost its memory. */
  reconcile(): Promise<void>;
  /** `reconcile` at boot, before which runs that cannot be gone on with are set aside. */
  resume(): Promise<void>;
}

export function createEngine(ports: EnginePorts): Engine {
  const { journal, transport } = ports;
  const oneAtATime = createMutex();

  async function admit(): Promise<void> {
    for (const stopped of journal.stopped()) {
      const ending = stoppedEnding(stopped);
      if (journal.finish(stopped.run, ending)) tellStatus(ports, stopped.run, ending.status, ending.reason);
    }
    for (const run of journal.admit(ports.limits)) {
      tellStatus(ports, run, 'running', null);
      await transport.start(run);
    }
  }

  const advance: Engine['advance'] = async (id) => {
    const outcome = await oneAtATime(id, async () => {
      const begin = recordAndDecide(ports, id, await transport.children(id));
      if (!Array.isArray(begin)) {
        // Not before it is written: what was told of a transaction that failed would be told a second time.
        if (begin.news !== null) tellStatus(ports, id, begin.status, begin.news.reason);
        return begin.status;
      }
      faultPoint('intend.after');
      // Who forgot the step has forgotten the cancel too.
      if (begin.some(({ run, mayHaveRun }) => mayHaveRun && run.cancelRequested)) await transport.cancel(id, []);
      for (const { run, dispatch, mayHaveRun } of begin) await send(ports, run, dispatch, mayHaveRun);
      return 'parked';
    });
    if (outcome === 'parked') return outcome;
    faultPoint('finish.after');
    await admit();
    return outcome;
  };

  async function reconcile(): Promise<void> {
    await inLanes(journal.unfinished(), async (run) => {
      // It may have ended since the list was made; then its root is left to end by itself.
      if (journal.run(run)?.status !== 'running') return;
      await transport.wake(run);
      if (await isForgotten(ports, run)) await advance(run);
    });
    await admit();
  }

  return {
    async accept(acceptance) {
      faultPoint('accept.before');
      const isNew = journal.accept(acceptance);
      faultPoint('accept.after');
      if (isNew) tellStatus(ports, acceptance.id, 'queued', null);
      await admit();
    },

    advance,

    async nudge(id) {
      const run = journal.run(id);
      if (run === undefined || run.status !== 'running') return;
      if (openSteps(run).length > 1) await advance(id);
    },

    async cancel(id, because = 'a person cancelled the run') {
      const run = journal.run(id);
      if (run === undefined || isTerminal(run.status)) return;
      journal.requestCancel(id);
      journal.tellStory(id, because);
      if (run.status === 'queued') {
        const news = finish(ports, run, { status: 'cancelled', because: null });
        if (news !== null) tellStatus(ports, id, news.status, news.reason);
        return;
      }
      const forward = openSteps(run).filter(({ role }) => role === 'forward');
      const { withdrawn } = await transport.cancel(
        id,
        forward.map(({ step }) => step),
      );
      journal.withdraw(id, withdrawn);
      await transport.wake(id);
    },

    admit,

    async giveUpOn(absent) {
      for (const id of journal.unfinished()) await giveUpSteps(ports, id, absent);
    },

    reconcile,

    async resume() {
      for (const { id, reason } of journal.unreadable()) setAside(ports, id, reason);
      for (const run of journal.unfinished())
        journal.tellStory(run, 'the controller was started again; the run goes on');
      await reconcile();
    },
  };
}

/** Whether nothing works on a step that was dispatched: its job is gone, or its result woke nobody. */
async function isForgotten({ journal, transport }: EnginePorts, id: string): Promise<boolean> {
  const { pending } = await transport.children(id);
  const run = journal.run(id);
  return run !== undefined && openSteps(run).some(({ step }) => !pending.has(step.key));
}

/** How many runs are looked after side by side: each of them mostly waits for answers of the transport. */
const LANES = 32;

async function inLanes(runs: readonly string[], work: (run: string) => Promise<void>): Promise<void> {
  const rest = runs.values();
  const lane = async (): Promise<void> => {
    for (const run of rest) await work(run);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/**
 * Two looks at the same run would each take the other's dispatch, written down but not yet sent, for one that was lost.
 */
function createMutex(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === mine) tails.delete(key);
    }
  };
}

interface Sending {
  run: Run;
  dispatch: Dispatch;
  mayHaveRun: boolean;
}

/** A run that is at its end; `news` when it has just come to it. */
interface Ended {
  status: TerminalStatus;
  news: Ending | null;
}

/** One transaction: results in, decision, intention or end out. Nothing is sent or told before it is written. */
function recordAndDecide(ports: EnginePorts, id: string, children: Children): Sending[] | Ended {
  return ports.journal.atomically(() => {
    const known = ports.journal.run(id);
    // A root job whose run the journal does not know was made by nobody whom we answer to.
    if (known === undefined) return { status: 'failed', news: null };
    if (isTerminal(known.status)) return { status: known.status, news: null };
    const lost = recordResults(ports, known, children);
    const run = ports.journal.run(id) ?? known;
    const decision = decide(run.plan.root, run.states, run.cancelRequested);
    if (decision.type === 'end') {
      faultPoint('finish.before');
      return { status: decision.status, news: finish(ports, run, decision) };
    }
    faultPoint('intend.before');
    ports.journal.intend(id, decision.begin);
    for (const { step } of lost)
      ports.journal.tellStory(id, `the queue knew nothing of step ${step.key}; it is sent again`);
    return [
      ...decision.begin.map((dispatch) => ({ run, dispatch, mayHaveRun: false })),
      ...lost.map((dispatch) => ({ run, dispatch, mayHaveRun: true })),
    ];
  });
}

/** @returns the steps that were dispatched and of which the transport knows nothing any more. */
function recordResults(ports: EnginePorts, run: Run, children: Children): Dispatch[] {
  const lost: Dispatch[] = [];
  for (const dispatch of allSteps(run.plan.root)) {
    const { key } = dispatch.step;
    const state = run.states.get(key);
    if (state === undefined || (state.status !== 'dispatched' && state.status !== 'running')) continue;
    const result = children.results.get(key);
    if (result !== undefined) ports.journal.record(run.id, dispatch.step, result);
    else if (!children.pending.has(key)) lost.push(dispatch);
  }
  return lost;
}

/** How long a step waits for a worker (milliseconds). What puts things back is given more time than what changes them. */
const PATIENCE_MS: Record<StepRole, number> = { forward: 60_000, finally: 600_000, undo: 600_000 };

async function giveUpSteps(
  { journal, transport, now }: EnginePorts,
  id: string,
  absent: (step: PlannedStep | UndoStep) => number | null,
): Promise<void> {
  const run = journal.run(id);
  for (const { step, role } of run === undefined ? [] : openSteps(run)) {
    const away = absent(step);
    if (away === null || away < PATIENCE_MS[role] || !(await transport.takeBack(id, step))) continue;
    const message = `no worker for host ${step.host}: step "${step.title}" waited ${Math.round(away / 1_000)} s`;
    const next = `Start one there:  homelab-autopilot worker --host ${step.host}`;
    journal.record(id, step, {
      status: 'failed',
      attempts: 0,
      startedAt: null,
      finishedAt: now().toISOString(),
      error: { code: 'HA_NO_WORKER', message, next },
    });
    journal.tellStory(id, message);
    await transport.wake(id);
  }
}

async function send(ports: EnginePorts, run: Run, { step, role }: Dispatch, mayHaveRun: boolean): Promise<void> {
  faultPoint(role === 'undo' ? 'undo.before' : 'send.before');
  await ports.transport.send({
    run: run.id,
    service: run.plan.service,
    step: { ...step, input: fillInput(step, run.states) },
    role,
    mayHaveRun,
  });
  faultPoint('send.after');
}

/** @returns how the run has just ended; null when it had ended before. */
function finish(ports: EnginePorts, run: Run, end: { status: TerminalStatus; because: string | null }): Ending | null {
  const ending = endingOf(run, end);
  return ports.journal.finish(run.id, ending) ? ending : null;
}

/** What such a run has changed nobody can tell from here, and nobody can put back. */
function setAside(ports: EnginePorts, run: string, problem: string): void {
  const reason = `this version cannot read the run's plan: ${problem}`;
  const next = 'Look at the service yourself, put it in order, and start a new run';
  if (ports.journal.finish(run, { status: 'needs_attention', reason, next })) {
    tellStatus(ports, run, 'needs_attention', reason);
  }
}

function tellStatus(ports: EnginePorts, run: string, status: RunStatus, reason: string | null): void {
  ports.transport.tell({ type: 'run', run, at: ports.now().toISOString(), status, reason });
}
