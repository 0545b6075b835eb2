/** Keeps processes running: starts them in order, restarts what died with growing pauses, stops them in reverse order. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { pause } from '#kernel/wait.ts';

/** How one process is started; resolves when it is ready to work. */
export interface ProcessSpec {
  name: string;
  start(): Promise<ChildProcess>;
  /** Between SIGTERM and SIGKILL (milliseconds). */
  graceMs: number;
}

export interface SupervisorEvents {
  /** Between a death and the restart, in milliseconds, for the first death, the second …; only drills give their own. */
  pausesMs?: readonly number[];
  /** A process ended by itself; it is started again after the pause. */
  onDeath(death: { name: string; how: string; restartInMs: number }): void;
  onRestart(name: string): void;
}

/** The pauses between a death and the restart: short at first, since most deaths are single ones. */
const PAUSES_MS = [100, 500, 1_000, 2_000, 5_000, 15_000, 30_000];

/** A process that lived this long (milliseconds) died of something new: the pauses start again. */
const SETTLED_MS = 5_000;

export interface Supervised extends AsyncDisposable {
  pids(): Record<string, number>;
}

/** Starts all processes, one after the other; if one cannot start, those before it are stopped again and the error is thrown. */
export async function supervise(specs: readonly ProcessSpec[], events: SupervisorEvents): Promise<Supervised> {
  const stopping = new AbortController();
  const children = new Map<string, ChildProcess>();
  const watchers: Promise<void>[] = [];
  const stop = async (): Promise<void> => {
    stopping.abort();
    for (const spec of [...specs].reverse()) await end(children.get(spec.name), spec.graceMs);
    await Promise.allSettled(watchers);
  };
  try {
    for (const spec of specs) {
      const child = await spec.start();
      children.set(spec.name, child);
      watchers.push(keepAlive(spec, children, { events, signal: stopping.signal }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pids: () => Object.fromEntries([...children].map(([name, child]) => [name, child.pid ?? -1])),
    [Symbol.asyncDispose]: stop,
  };
}

async function keepAlive(
  spec: ProcessSpec,
  children: Map<string, ChildProcess>,
  { events, signal }: { events: SupervisorEvents; signal: AbortSignal },
): Promise<void> {
  let deaths = 0;
  while (!signal.aborted) {
    const child = children.get(spec.name);
    const bornAt = Date.now();
    const how = child === undefined ? 'could not be started' : await ended(child);
    if (signal.aborted) return;
    deaths = Date.now() - bornAt > SETTLED_MS ? 0 : deaths;
    const pausesMs = events.pausesMs ?? PAUSES_MS;
    const restartInMs = pausesMs[Math.min(deaths, pausesMs.length - 1)] ?? 0;
    deaths++;
    events.onDeath({ name: spec.name, how, restartInMs });
    await pause(restartInMs, signal);
    if (signal.aborted) return;
    try {
      const next = await spec.start();
      children.set(spec.name, next);
      // Told to stop while it was being started: nobody else knows this child.
      if (signal.aborted) await end(next, spec.graceMs);
      else events.onRestart(spec.name);
    } catch {
      children.delete(spec.name);
    }
  }
}

async function ended(child: ChildProcess): Promise<string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode === null ? `ended with status ${child.exitCode}` : `was killed by ${child.signalCode}`;
}

async function end(child: ChildProcess | undefined, graceMs: number): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = ended(child);
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}
