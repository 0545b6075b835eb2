/** Gives each slot that is due its one disposition, and asks for the runs, in one transaction. */
import type { Journal, Order } from '#engine/ports.ts';
import { errorText } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import { derivedId } from '#kernel/ids.ts';
import type { Cause, Fire } from '#schedule/fire.ts';
import { judge, type Verdict } from '#schedule/judge.ts';
import type { Planner, Slot } from '#schedule/planner.ts';
import type { Schedule } from '#schedule/rules.ts';
import { REASON_WORDS, verdictWords } from '#schedule/words.ts';
import type { Plan } from '#sdk/plan.ts';
import type { Log } from '#sdk/tools.ts';
import type { Ledger, UnfinishedRun } from '#store/ledger.ts';

export interface KeeperPorts {
  ledger: Ledger;
  journal: Journal;
  /** Looks for runs that may start. What it cannot do now is done when Redis is there again. */
  admit(): void;
  /** Carries out a cancel that is written. */
  cancel(run: string, because: string): void;
  /** What the service of a schedule needs, where that matters for its runs: each after what it needs itself. */
  needs(schedule: Schedule): Need[];
  /** @throws AutopilotError when there can be no such run. */
  plan(schedule: Schedule, run: string): Plan;
  /** How long (milliseconds) no worker has been there for a host; null when one is there. */
  awayMs(host: string): number | null;
  /**
   * Called in the transaction that writes the dispositions. `missed`: slots that were to run and did not, and for which
   * no later one stands.
   */
  onFires(schedule: Schedule, told: { fires: Fire[]; missed: Fire[] }): void;
  log: Log;
  now(): Date;
}

/** A service that another one needs, and the schedule of the same workflow, whether there is one or not. */
export interface Need {
  service: string;
  schedule: string;
}

/** A stretch of time in which nobody looked. */
interface Absence {
  from: number;
  to: number;
  cause: Cause;
}

export interface KeeperState {
  schedules: Map<string, { schedule: Schedule; planner: Planner }>;
  absences: Absence[];
  /** Schedules with a slot that waits for its host. */
  waiting: Set<string>;
  /** What was due until then was looked at by the controller before this one. */
  heldUntil: number;
  /** When the schedules were last looked after, by this controller. */
  seenAt: number | undefined;
}

/** Slots that are judged at a time: a schedule of every second may have a day of them. */
const CHUNK = 500;

interface Look {
  now: number;
  removed?: boolean;
  /** Nothing is left open. */
  final?: boolean;
}

/** Gives every slot that is due its disposition. */
export function account(
  { ports, state }: { ports: KeeperPorts; state: KeeperState },
  known: { schedule: Schedule; planner: Planner },
  look: Look,
): void {
  const { ledger } = ports;
  const { schedule, planner } = known;
  const { id } = schedule;
  for (;;) {
    const entry = ledger.known(id);
    if (entry === undefined) return;
    const { slots, more } = dueSlots(planner, entry.accountedTo, look.now);
    const [lastSlot] = slots.slice(-1);
    if (lastSlot === undefined) return;
    const recorded = ledger.recorded(
      id,
      slots.map(({ nominal }) => nominal),
    );
    const due = slots.filter(({ nominal }) => !recorded.has(nominal));
    const unfinished = ledger.unfinished(schedule);
    const verdicts = judge(schedule, planner, {
      due,
      facts: {
        now: look.now,
        paused: entry.pausedAt !== null,
        removed: look.removed ?? false,
        awayMs: ports.awayMs(schedule.host),
        unfinished: unfinished.length > 0,
        more,
        final: look.final ?? false,
        cause: (slot) => causeOf(state, id, slot),
      },
    });
    const open = due[verdicts.length];
    if (open === undefined) state.waiting.delete(id);
    else state.waiting.add(id);
    const accountedTo = open === undefined ? lastSlot.nominal : open.nominal - 1;
    const orderOf = (slot: Slot) => orderAt({ ports, state }, schedule, slot);
    carryOut(ports, schedule, { verdicts, accountedTo, more, unfinished, now: look.now, orderOf });
    if (open !== undefined || !more) return;
  }
}

function dueSlots(planner: Planner, from: number, now: number): { slots: Slot[]; more: boolean } {
  const slots: Slot[] = [];
  for (let slot = planner.after(from); slot !== undefined && slot.due <= now; slot = planner.after(slot.nominal)) {
    if (slots.length === CHUNK) return { slots, more: true };
    slots.push(slot);
  }
  return { slots, more: false };
}

function causeOf({ absences, waiting, heldUntil }: KeeperState, id: string, slot: Slot): Cause {
  const absence = absences.findLast(({ from, to }) => from <= slot.due && slot.due <= to);
  if (absence !== undefined) return absence.cause;
  // Looked at before, and left open: nothing but a host that is away does that.
  return waiting.has(id) || slot.due <= heldUntil ? 'host_away' : 'late';
}

interface Outcome {
  verdicts: Verdict[];
  accountedTo: number;
  /** Further slots follow at once. */
  more: boolean;
  unfinished: UnfinishedRun[];
  now: number;
  orderOf(slot: Slot): OrderAt;
}

interface Wish {
  run: string;
  plan: Plan;
  notBefore: string | null;
  order: Order;
}

interface OrderAt extends Order {
  /** When the last of the runs that go ahead is surely asked for. */
  from: number;
}

/** A run of what is needed may be due later in the same slot, where slots are spread: sweeps find it soon after. */
const ASKED_FOR_MS = 60_000;

/** The same slot of what a service needs goes ahead of its own; the ids of those runs are known before they exist. */
function orderAt(
  { ports, state }: { ports: KeeperPorts; state: KeeperState },
  schedule: Schedule,
  slot: Slot,
): OrderAt {
  const needs = ports.needs(schedule);
  const ahead = needs.flatMap(({ schedule: id }) => {
    const theirs = state.schedules.get(id)?.planner.after(slot.nominal - 1);
    if (theirs?.nominal !== slot.nominal || theirs.barred !== null) return [];
    return [{ run: runOfSlot(id, slot.nominal), from: theirs.due > slot.due ? theirs.due + ASKED_FOR_MS : 0 }];
  });
  return {
    needs: needs.map(({ service }) => service),
    after: ahead.map(({ run }) => run),
    from: Math.max(0, ...ahead.map(({ from }) => from)),
  };
}

/** From the slot, so that a doubled tick is one run. */
function runOfSlot(schedule: string, nominal: number): string {
  return derivedId('slot', schedule, String(nominal));
}

/** The dispositions and the runs that they ask for are one transaction: neither is there without the other. */
function carryOut(ports: KeeperPorts, schedule: Schedule, outcome: Outcome): void {
  const { verdicts, accountedTo, now } = outcome;
  const entries = verdicts.map((verdict) => entryOf(ports, schedule, { verdict, now, order: outcome.orderOf }));
  const asks = entries.some(({ wish }) => wish !== null);
  const replaced = asks && schedule.overlap === 'cancel_previous' ? ownRuns(schedule, outcome) : [];
  if (asks) faultPoint('fire.before');
  ports.journal.atomically(() => {
    for (const run of replaced) ports.journal.requestCancel(run);
    for (const { fire, wish } of entries) {
      if (wish !== null) acceptRun(ports, schedule, wish);
      if (wish !== null && fire.detail !== null) ports.journal.tellStory(wish.run, `caught up, ${fire.detail}`);
    }
    const fires = entries.map(({ fire }) => fire);
    ports.ledger.record(schedule.id, fires, accountedTo);
    ports.onFires(schedule, { fires, missed: outcome.more ? [] : missedOf(fires) });
  });
  if (!asks) return;
  faultPoint('fire.after');
  for (const run of replaced) ports.cancel(run, 'its schedule asked for the next run (overlap: cancel_previous)');
  ports.admit();
}

/** What a person would want to know: nothing that was told to be so, and nothing that was made good. */
function missedOf(fires: readonly Fire[]): Fire[] {
  return fires
    .slice(fires.findLastIndex(({ run }) => run !== null) + 1)
    .filter(({ disposition, reason }) => (disposition === 'missed' && reason !== 'removed') || reason === 'host_away');
}

/** A run that a person asked for is not the schedule's to end. */
function ownRuns({ id }: Schedule, { unfinished }: Outcome): string[] {
  return unfinished.flatMap((run) => (run.schedule === id ? [run.id] : []));
}

/** What the ledger is to hold, and the run that is to be asked for. */
function entryOf(
  ports: KeeperPorts,
  schedule: Schedule,
  { verdict, now, order: orderOf }: { verdict: Verdict; now: number; order: Outcome['orderOf'] },
): { fire: Fire; wish: Wish | null } {
  const { slot } = verdict;
  const fire: Fire = {
    schedule: schedule.id,
    workflow: schedule.workflow,
    service: schedule.service,
    slot: new Date(slot.nominal).toISOString(),
    dueAt: new Date(slot.due).toISOString(),
    disposition: verdict.is,
    reason: 'reason' in verdict ? verdict.reason : null,
    detail: verdictWords(verdict, schedule),
    run: null,
    lateMs: null,
    recordedAt: new Date(now).toISOString(),
  };
  if (verdict.is !== 'ran' && verdict.is !== 'caught_up') return { fire, wish: null };
  const run = runOfSlot(schedule.id, slot.nominal);
  try {
    const plan = ports.plan(schedule, run);
    const { from, ...order } = orderOf(slot);
    const start = Math.max(from, verdict.is === 'caught_up' ? verdict.startAt : 0);
    const notBefore = start > now ? new Date(start).toISOString() : null;
    return { fire: { ...fire, run, lateMs: verdict.lateMs }, wish: { run, plan, notBefore, order } };
  } catch (error) {
    ports.log.error('a scheduled run could not be planned', { schedule: schedule.id, error: errorText(error) });
    const detail = `${REASON_WORDS.no_plan}: ${errorText(error)}`;
    return { fire: { ...fire, disposition: 'missed', reason: 'no_plan', detail }, wish: null };
  }
}

export function acceptRun({ journal }: KeeperPorts, { id }: Schedule, { run, plan, notBefore, order }: Wish): boolean {
  return journal.accept({ id: run, plan, input: {}, notBefore, retryOf: null, schedule: id, reuse: [], order });
}
