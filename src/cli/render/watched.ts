/** A run as it is watched: what the history told, brought forward by events. Data in, data out. */
import type { RunDetail, RunEvent, StepView } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import type { Progress } from '#sdk/tools.ts';

export interface Reading {
  progress: Progress;
  /** Bytes a second over the last readings; null when it cannot be told yet. */
  rate: number | null;
  samples: { at: number; bytes: number }[];
}

export interface WatchedRun {
  run: RunDetail;
  readings: ReadonlyMap<string, Reading>;
  /** Step → how its last attempt failed, for steps that are tried again. */
  setbacks: ReadonlyMap<string, Setback>;
}

export interface Setback {
  at: string;
  attempt: number;
  error: string;
}

/** Over this time a rate is averaged: short enough to follow, long enough not to flicker. */
const RATE_WINDOW_MS = 8_000;

export function watched(run: RunDetail): WatchedRun {
  return { run, readings: new Map(), setbacks: new Map() };
}

/** The history is the truth: what it tells replaces what events told. */
export function refreshed(state: WatchedRun, run: RunDetail): WatchedRun {
  return { ...state, run };
}

/** Whether the event speaks of something that only the history can tell whole. */
export function needsRefresh(state: WatchedRun, event: RunEvent): boolean {
  if (event.type === 'run') return isTerminal(event.status) || state.run.status !== event.status;
  if (event.type !== 'step') return false;
  // The summary of a step is in the history alone.
  const untold = event.status === 'succeeded' && event.text === null;
  return untold || !state.run.steps.some(({ name }) => name === event.step);
}

export function brought(state: WatchedRun, event: RunEvent): WatchedRun {
  switch (event.type) {
    case 'step':
      return {
        ...state,
        run: { ...state.run, steps: state.run.steps.map((step) => afterStep(step, event)) },
        setbacks: withSetback(state.setbacks, event),
      };
    case 'progress':
      return {
        ...state,
        readings: new Map(state.readings).set(event.step, nextReading(state.readings.get(event.step), event)),
      };
    case 'run':
      // An ending comes from the history with its reason; here only that it has begun is taken over.
      return isTerminal(event.status) ? state : { ...state, run: { ...state.run, status: event.status } };
    case 'log':
      return state;
  }
}

function afterStep(step: StepView, event: Extract<RunEvent, { type: 'step' }>): StepView {
  if (step.name !== event.step || ended(step)) return step;
  const next = { ...step, status: event.status, attempts: Math.max(step.attempts, event.attempt) };
  switch (event.status) {
    case 'running':
      return { ...next, startedAt: step.startedAt ?? event.at };
    case 'succeeded':
      return { ...next, finishedAt: event.at, summary: event.text ?? step.summary };
    case 'failed':
      return { ...next, finishedAt: event.at, error: event.text ?? step.error };
    case 'dispatched':
    case 'withdrawn':
      return next;
  }
}

/** An attempt that is not the last tells its error, and that the step waits for a worker again. */
function withSetback(setbacks: WatchedRun['setbacks'], event: Extract<RunEvent, { type: 'step' }>) {
  if (event.status !== 'dispatched' || event.text === null) return setbacks;
  return new Map(setbacks).set(event.step, { at: event.at, attempt: event.attempt, error: event.text });
}

export function ended(step: StepView): boolean {
  return step.status === 'succeeded' || step.status === 'failed' || step.status === 'withdrawn';
}

/** What is known of the progress after one more reading. */
export function nextReading(
  before: Reading | undefined,
  { progress, at: instant }: { progress: Progress; at: string },
): Reading {
  const at = Date.parse(instant);
  const { bytes } = progress;
  const recent = (before?.samples ?? []).filter((sample) => at - sample.at <= RATE_WINDOW_MS);
  // Progress that went back began anew: what was read before says nothing of the rate now.
  const samples = bytes === undefined ? [] : [...recent.filter((sample) => sample.bytes <= bytes), { at, bytes }];
  return { progress, samples, rate: rateOf(samples) };
}

function rateOf(samples: Reading['samples']): number | null {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.at <= first.at) return null;
  return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
}
