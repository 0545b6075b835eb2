/** Looks after the schedules: at each tick, every half minute, and for what became due while no controller was running. */
import { acceptRun, account, type KeeperPorts, type KeeperState } from '#app/accounting.ts';
import type { PauseState } from '#engine/requests.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { derivedId } from '#kernel/ids.ts';
import { hashJson } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import { ON_TIME_MS } from '#schedule/judge.ts';
import { openPlanner, type Planner } from '#schedule/planner.ts';
import type { Schedule } from '#schedule/rules.ts';

export interface Keeper {
  /** Takes the configuration's schedules on; what became due while no controller was running is judged. */
  settle(schedules: readonly Schedule[]): void;
  /** A tick of the clock, and when it was due (milliseconds). */
  tick(id: string, due: number): void;
  /** A person started the schedule's job by hand: a run, but no slot. */
  runNow(id: string, job: string): void;
  /** Looks after all schedules: ticks may be lost, clocks may jump. */
  sweep(): void;
  /** Whether a slot waits for its host: then the next sweep should be soon. */
  waits(): boolean;
  /** @throws AutopilotError HA_NOT_FOUND with the nearest id. */
  setPaused(id: string, paused: boolean): PauseState;
  /** When the clock is to tick the next time, in milliseconds. */
  nextTick(id: string, after: number): number | undefined;
}

/** A controller that lives looks in every half minute; one that did not for longer has slept, or its clock jumped. */
const ASLEEP_MS = 90_000;

/** What is late is judged soon after; older absences explain nothing any more. */
const MOST_ABSENCES = 20;

/** "Why did it not run on Tuesday?" is asked of the last weeks, and of the same night a year ago. */
const KEPT_MS = 400 * 86_400_000;

/** A timer may go off a moment early. */
const EARLY_MS = 1_000;

export function createKeeper(ports: KeeperPorts): Keeper {
  const { ledger } = ports;
  const state: KeeperState = {
    schedules: new Map(),
    absences: [],
    waiting: new Set(),
    heldUntil: 0,
    seenAt: undefined,
  };
  const opened = (id: string) => {
    const known = state.schedules.get(id);
    if (known === undefined) throw unknownSchedule(id, [...state.schedules.keys()]);
    return known;
  };

  return {
    settle: (schedules) => settle({ ports, state }, schedules, look(ports, state)),

    tick(id, due) {
      const now = look(ports, state);
      const known = state.schedules.get(id);
      // It was taken out of the configuration between the tick and now.
      if (known === undefined) return;
      const early = due > now && due - now < EARLY_MS;
      accountInOrder({ ports, state }, known, early ? due : now);
    },

    runNow(id, job) {
      const { schedule } = opened(id);
      const run = derivedId('by-hand', id, job);
      const order = { after: [], needs: ports.needs(schedule).map(({ service }) => service) };
      if (!acceptRun(ports, schedule, { run, plan: ports.plan(schedule, run), notBefore: null, order })) return;
      ports.journal.tellStory(run, 'a person started it from the queue of the schedules');
      ports.admit();
    },

    sweep() {
      const now = look(ports, state);
      ledger.see(now);
      ledger.prune(now - KEPT_MS);
      for (const known of state.schedules.values()) account({ ports, state }, known, { now });
    },

    waits: () => state.waiting.size > 0,

    setPaused(id, paused) {
      const known = opened(id);
      const now = look(ports, state);
      accountInOrder({ ports, state }, known, now);
      const since = ledger.known(id)?.pausedAt ?? null;
      const pausedAt = paused ? (since ?? new Date(now).toISOString()) : null;
      ledger.pause(id, pausedAt);
      return { id, pausedAt };
    },

    nextTick: (id, after) => state.schedules.get(id)?.planner.dueAfter(after)?.due,
  };
}

interface Around {
  ports: KeeperPorts;
  state: KeeperState;
}

type Known = { schedule: Schedule; planner: Planner };

/** What the service needs first: its runs of the same slot go ahead. */
function accountInOrder(around: Around, known: Known, now: number): void {
  const ahead = around.ports
    .needs(known.schedule)
    .flatMap(({ schedule }) => around.state.schedules.get(schedule) ?? []);
  for (const one of [...ahead, known]) account(around, one, { now });
}

/** Notes the time, and what it tells: that nobody looked for a while, or that the clock was set back. */
function look({ ledger, now: clock, log }: KeeperPorts, state: KeeperState): number {
  const now = clock().getTime();
  const first = state.seenAt === undefined;
  const last = state.seenAt ?? ledger.seenAt() ?? now;
  state.seenAt = now;
  if (first) state.heldUntil = last;
  if (now < last) {
    state.heldUntil = Math.min(state.heldUntil, now);
    ledger.rewind(now);
    log.warn('the clock was set back', { seconds: Math.round((last - now) / 1_000) });
  } else if (now - last > (first ? ON_TIME_MS : ASLEEP_MS)) {
    state.absences.push({ from: last, to: now, cause: first ? 'controller_down' : 'asleep' });
    if (state.absences.length > MOST_ABSENCES) state.absences.shift();
  }
  if (first) ledger.see(now);
  return now;
}

function settle(around: Around, schedules: readonly Schedule[], now: number): void {
  const { ports, state } = around;
  const wanted = new Map(schedules.map((schedule) => [schedule.id, schedule]));
  for (const { id, schedule } of ports.ledger.schedules()) {
    const next = wanted.get(id);
    const before = schedule ?? next;
    const same = before !== undefined && next !== undefined && hashJson(before) === hashJson(next);
    if (before !== undefined && !same) {
      const old = { schedule: before, planner: openPlanner(before) };
      account(around, old, { now, final: true, removed: next === undefined });
    }
    if (next === undefined) ports.ledger.forget(id);
    else if (!same) ports.ledger.begin(next, now);
  }
  for (const schedule of schedules) {
    const known = { schedule, planner: openPlanner(schedule) };
    state.schedules.set(schedule.id, known);
    if (ports.ledger.known(schedule.id) === undefined) ports.ledger.begin(schedule, now);
    else account(around, known, { now });
  }
}

function unknownSchedule(id: string, known: readonly string[]): AutopilotError {
  const guess = nearest(id, known);
  return new AutopilotError('HA_NOT_FOUND', `there is no schedule "${id}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${known.join(', ') || 'none yet'}`,
  });
}
