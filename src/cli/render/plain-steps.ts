/** Following a run where nothing can be redrawn: one line when a step starts, one when it ends. */

import { printable } from '#cli/render/text.ts';
import { clock } from '#cli/render/times.ts';
import { between, duration } from '#cli/render/units.ts';
import { ended, type Setback, type WatchedRun } from '#cli/render/watched.ts';
import type { RunDetail, StepView } from '#engine/run.ts';

/** What was said of the steps of a run: step → its last told phase, or the last attempt told to have failed. */
export type Said = ReadonlyMap<string, 'waiting' | 'started' | 'ended' | number>;

/** A step that no worker has taken for so long (milliseconds) is told to wait: its host may be off. */
const UNUSUAL_WAIT_MS = 5_000;

export interface PlainView {
  zone: string;
  now: Date;
  /** Put before every line, to tell several runs apart. */
  prefix: string;
}

/** @returns the lines for what is new in the run, and what has been said then. */
export function news({ run, setbacks }: WatchedRun, said: Said, view: PlainView): { lines: string[]; said: Said } {
  const told: { at: string; text: string }[] = [];
  const now = new Map(said);
  for (const step of run.steps) {
    const phase = now.get(step.name);
    const setback = setbacks.get(step.name);
    if (phase === undefined && step.status === 'dispatched' && isUnusual(run, view.now)) {
      told.push({ at: view.now.toISOString(), text: waiting(step) });
      now.set(step.name, 'waiting');
    }
    if (phase === 'ended' || (step.startedAt === null && !ended(step))) continue;
    if ((phase === undefined || phase === 'waiting') && step.startedAt !== null && step.status !== 'reused') {
      told.push({ at: step.startedAt, text: `${printable(step.title)}: started` });
      now.set(step.name, 'started');
    }
    if (setback !== undefined && setback.attempt > (typeof phase === 'number' ? phase : 0)) {
      told.push({ at: setback.at, text: failing(step, setback) });
      now.set(step.name, setback.attempt);
    }
    if (!ended(step)) continue;
    told.push({ at: step.finishedAt ?? step.startedAt ?? run.requestedAt, text: ending(step) });
    now.set(step.name, 'ended');
  }
  // Steps are looked at in the order of the plan, and told in the order in which things happened.
  const lines = told.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return { lines: lines.map(({ at, text }) => `${clock(at, view.zone)}  ${view.prefix}${text}`), said: now };
}

function waiting({ title, host }: StepView): string {
  return `${printable(title)}: waits for a worker on ${printable(host)}`;
}

/** Nothing has happened in the run for a while. */
function isUnusual({ requestedAt, startedAt, steps }: RunDetail, now: Date): boolean {
  const instants = [requestedAt, startedAt, ...steps.flatMap((step) => [step.startedAt, step.finishedAt])];
  const last = Math.max(...instants.flatMap((at) => (at === null ? [] : [Date.parse(at)])));
  return now.getTime() - last > UNUSUAL_WAIT_MS;
}

function failing({ title }: StepView, { attempt, error }: Setback): string {
  return `${printable(title)}: attempt ${attempt} failed, is tried again: ${printable(error)}`;
}

function ending(step: StepView): string {
  const title = printable(step.title);
  const took = between(step.startedAt, step.finishedAt);
  const time = took === null ? '' : ` ${step.status === 'failed' ? 'after' : 'in'} ${duration(took)}`;
  if (step.status === 'failed') return `${title}: failed${time}: ${printable(step.error ?? 'no reason given')}`;
  if (step.status === 'withdrawn') return `${title}: not begun`;
  return `${title}: done${time}${step.summary === null ? '' : `: ${printable(step.summary)}`}`;
}
