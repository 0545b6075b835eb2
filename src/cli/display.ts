/** What is shown while runs are followed: a redrawn list on a terminal, plain lines in a pipe, nothing for JSON. */

import type { Context } from '#cli/context.ts';
import { painter } from '#cli/painter.ts';
import { outcomeLines } from '#cli/render/outcome.ts';
import { news, type Said } from '#cli/render/plain-steps.ts';
import { runHeader, shortRunId } from '#cli/render/run-header.ts';
import { type Branches, stepLines } from '#cli/render/steps.ts';
import { type Moment, zoneName } from '#cli/render/times.ts';
import type { WatchedRun } from '#cli/render/watched.ts';
import { isTerminal } from '#engine/run.ts';

export interface Display extends Disposable {
  /** Called often, with the runs as they are now. */
  show(runs: readonly WatchedRun[]): void;
}

export interface DisplayOptions {
  moment: Moment;
  /** Service → which of its steps stand side by side. */
  branches: ReadonlyMap<string, Branches>;
}

export function silentDisplay(): Display {
  return { show: () => {}, [Symbol.dispose]: () => {} };
}

/** One line for each start and each end of a step, and the outcome of each run. */
export function plainDisplay(context: Context, { moment }: DisplayOptions): Display {
  const { terminal } = context;
  const said = new Map<string, Said>();
  const finished = new Set<string>();
  const print = (lines: readonly string[]) => {
    for (const line of lines) terminal.write(`${line}\n`);
  };
  const tell = (watched: WatchedRun, prefix: string) => {
    const { run } = watched;
    if (!said.has(run.id)) print([`${runHeader(run, terminal.style)} · times in ${zoneName(moment)}`]);
    const told = news(watched, said.get(run.id) ?? new Map(), { zone: moment.zone, now: context.now(), prefix });
    said.set(run.id, told.said);
    print(told.lines);
    if (!isTerminal(run.status)) return;
    finished.add(run.id);
    print(outcomeLines(run, terminal.style));
  };
  return {
    show(runs) {
      for (const watched of runs) {
        const { id, service } = watched.run;
        if (!finished.has(id)) tell(watched, runs.length > 1 ? `${service}: ` : '');
      }
    },
    [Symbol.dispose]: () => {},
  };
}

/** A block that is redrawn; a run that has ended moves above it and stays. */
export function liveDisplay(context: Context, { branches }: DisplayOptions): Display {
  const { terminal } = context;
  const paint = painter(terminal);
  const finished = new Set<string>();
  let frame = 0;
  const block = (watched: WatchedRun): string[] => [
    runHeader(watched.run, terminal.style),
    '',
    ...stepLines(watched, {
      columns: terminal.size().columns,
      style: terminal.style,
      now: context.now(),
      branches: branches.get(watched.run.service) ?? new Map(),
      frame,
    }),
    '',
  ];
  return {
    show(runs) {
      frame += 1;
      const open = runs.filter(({ run }) => !finished.has(run.id));
      for (const watched of open.filter(({ run }) => isTerminal(run.status))) {
        paint.paint([]);
        paint.keep([...block(watched), ...outcomeLines(watched.run, terminal.style), '']);
        finished.add(watched.run.id);
      }
      const active = open.filter(({ run }) => run.status === 'running');
      const queued = open.filter(({ run }) => run.status === 'queued');
      paint.paint([...active.flatMap(block), ...waitingLine(queued)]);
    },
    [Symbol.dispose]: () => paint[Symbol.dispose](),
  };
}

function waitingLine(queued: readonly WatchedRun[]): string[] {
  if (queued.length === 0) return [];
  const names = queued.map(({ run }) => `${run.service} (${shortRunId(run)})`);
  return [`waiting for its turn: ${names.join(', ')}`];
}
