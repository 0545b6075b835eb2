/** A controller in memory that plays a run as it was written down: states that come one after the other. */
import type { RemoteController } from '#engine/requests.ts';
import type { RunDetail, RunEvent, StepView } from '#engine/run.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface ScriptedController extends RemoteController {
  /** What was asked, in order. */
  asked: { method: string; parameters: unknown }[];
}

export interface Script {
  /** What `run` answers, one after the other; the last for ever. */
  states?: RunDetail[];
  events?: RunEvent[];
  answers?: Partial<Omit<RemoteController, typeof Symbol.asyncDispose>>;
}

export function scriptedController({ states = [], events = [], answers = {} }: Script): ScriptedController {
  const asked: ScriptedController['asked'] = [];
  const rest = [...states];
  const next = (): RunDetail => {
    const state = rest.length > 1 ? rest.shift() : rest[0];
    if (state === undefined) throw new AutopilotError('HA_NOT_FOUND', 'there is no run "zzzz"');
    return state;
  };
  let open = true;
  const note = <T>(method: string, parameters: unknown, answer: T): T => {
    if (!open) throw new Error('Connection is closed.');
    asked.push({ method, parameters });
    return answer;
  };
  return {
    asked,
    enqueue: async (request) => note('enqueue', request, states.slice(0, 1)),
    preview: async (request) => note('preview', request, []),
    runs: async (query) => note('runs', query, states),
    run: async (id) => note('run', id, next()),
    cancel: async (id) => note('cancel', id, next()),
    retryPreview: async (id, from) =>
      note(
        'retryPreview',
        { id, from },
        { run: next(), from: from ?? 'copy-vault', again: ['copy-vault'], reused: ['capture'] },
      ),
    retry: async (id, from) => note('retry', { id, from }, next()),
    setPaused: async (schedule, paused) =>
      note('setPaused', { schedule, paused }, { id: schedule, pausedAt: paused ? '2026-03-01T03:00:00.000Z' : null }),
    decisions: async (service) => note('decisions', service, []),
    decide: async (request) => note('decide', request, []),
    unpin: async (request) => note('unpin', request, 1),
    async *follow() {
      yield* events;
    },
    [Symbol.asyncDispose]: async () => {
      open = false;
    },
    ...answers,
  };
}

export function stepView(name: string, more: Partial<StepView> = {}): StepView {
  return {
    name,
    title: name,
    kind: 'archive',
    action: name,
    host: 'nas',
    status: 'succeeded',
    attempts: 1,
    effect: 'idempotent',
    startedAt: '2026-03-01T02:59:00.000Z',
    finishedAt: '2026-03-01T02:59:10.000Z',
    summary: null,
    error: null,
    errorCode: null,
    next: null,
    undo: false,
    ...more,
  };
}

export function runDetail(more: Partial<RunDetail> = {}): RunDetail {
  return {
    id: 'b7k2mnpqrstv',
    workflow: 'backup',
    service: 'notes',
    host: 'nas',
    status: 'succeeded',
    requestedAt: '2026-03-01T02:58:59.000Z',
    startedAt: '2026-03-01T02:59:00.000Z',
    finishedAt: '2026-03-01T02:59:58.000Z',
    reason: null,
    next: null,
    retryOf: null,
    schedule: null,
    restorePoint: 'p9f4bcdfghjk',
    planHash: 'abc',
    outageMs: null,
    steps: [stepView('capture')],
    story: [],
    ...more,
  };
}
