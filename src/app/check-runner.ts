/** The worker's side of monitoring: makes each check when it is due, and sends what was found in batches. */
import type { Checker } from '#host/checker.ts';
import { pause } from '#kernel/wait.ts';
import type { Check, Finding } from '#monitor/check.ts';
import { keyOf } from '#monitor/check.ts';
import { firstAfterMs, nextAt } from '#monitor/rhythm.ts';

export interface CheckRunner extends AsyncDisposable {
  /** Makes these from now on; those that were made before keep their rhythm. */
  take(checks: readonly Check[]): void;
}

export interface CheckRunnerPorts {
  check: Checker;
  /** Throws when they were not taken. @param ageMs of each finding. */
  send(findings: readonly (Finding & { ageMs: number })[]): Promise<void>;
}

/** Good news can wait so long (milliseconds); a change is sent with the next beat. */
const BATCH_MS = 5_000;
const BEAT_MS = 500;

/** Checks that wait for an answer at the same time. */
const MOST_AT_ONCE = 64;

/** Kept while Redis is away; then the oldest go. */
const MOST_KEPT = 10_000;

/** How long the last batch may take when the worker stops. */
const STOP_MS = 1_000;

interface Planned {
  check: Check;
  /** Of the clock that never jumps. */
  dueAt: number;
  running: boolean;
}

interface Noted {
  finding: Finding;
  at: number;
}

export function startCheckRunner(ports: CheckRunnerPorts): CheckRunner {
  const stopping = new AbortController();
  const planned = new Map<string, Planned>();
  const desk: Desk = { ports, planned, notes: [], last: new Map(), urgent: false, running: 0, signal: stopping.signal };
  const working = Promise.all([keepAsking(desk), keepSending(desk)]);
  return {
    take(checks) {
      const before = new Map(planned);
      planned.clear();
      for (const check of checks) {
        const old = before.get(check.id);
        const same = old?.check.intervalMs === check.intervalMs;
        const dueAt = old !== undefined && same ? old.dueAt : performance.now() + firstAfterMs(check);
        planned.set(check.id, { check, dueAt, running: old?.running ?? false });
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('the worker is stopping'));
      // A Redis that went away in the middle of a batch must not keep a worker that is told to stop.
      await Promise.race([working, pause(STOP_MS)]);
    },
  };
}

interface Desk {
  ports: CheckRunnerPorts;
  planned: Map<string, Planned>;
  notes: Noted[];
  /** Whether the last answer was good, by key. */
  last: Map<string, boolean>;
  /** Something is another than it was. */
  urgent: boolean;
  running: number;
  signal: AbortSignal;
}

async function keepAsking(desk: Desk): Promise<void> {
  while (!desk.signal.aborted) {
    const now = performance.now();
    for (const one of desk.planned.values()) {
      if (desk.running >= MOST_AT_ONCE) break;
      if (one.running || one.dueAt > now) continue;
      void ask(desk, one);
    }
    await pause(BEAT_MS / 2, desk.signal);
  }
}

async function ask(desk: Desk, one: Planned): Promise<void> {
  const { check } = one;
  one.running = true;
  one.dueAt = nextAt(check, performance.now(), Math.random());
  desk.running++;
  const findings = await desk.ports.check(check, desk.signal);
  desk.running--;
  // It may have been planned anew meanwhile.
  const current = desk.planned.get(check.id);
  if (current !== undefined) current.running = false;
  // What was cut off by our own end says nothing of the service.
  if (!desk.signal.aborted) note(desk, findings);
}

function note(desk: Desk, findings: readonly Finding[]): void {
  const at = performance.now();
  for (const finding of findings) {
    const key = keyOf(finding);
    if (desk.last.get(key) !== finding.ok) desk.urgent = true;
    desk.last.set(key, finding.ok);
    desk.notes.push({ finding, at });
  }
  if (desk.notes.length > MOST_KEPT) desk.notes.splice(0, desk.notes.length - MOST_KEPT);
}

async function keepSending(desk: Desk): Promise<void> {
  let sentAt = performance.now();
  while (!desk.signal.aborted) {
    await pause(BEAT_MS, desk.signal);
    const due = desk.urgent || performance.now() - sentAt >= BATCH_MS;
    if (!due || desk.notes.length === 0) continue;
    sentAt = performance.now();
    await send(desk);
  }
}

/** What Redis does not take is kept, and its age goes on. */
async function send(desk: Desk): Promise<void> {
  const notes = desk.notes.splice(0);
  desk.urgent = false;
  const now = performance.now();
  const findings = notes.map(({ finding, at }) => ({ ...finding, ageMs: Math.round(now - at) }));
  await desk.ports.send(findings).catch(() => {
    desk.notes.unshift(...notes);
  });
}
