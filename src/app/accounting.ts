/** Gives each slot that is due its one disposition, and asks for the runs, in one transaction. */
import type { Journal } from '#engine/ports.ts';
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
    carryOut(ports, schedule, { verdicts, accountedTo, more, unfinished, now: look.now });
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
}

interface Wish {
  run: string;
  plan: Plan;
  notBefore: string | null;
}

/** The dispositions and the runs that they ask for are one transaction: neither is there without the other. */
function carryOut(ports: KeeperPorts, schedule: Schedule, outcome: Outcome): void {
  const { verdicts, accountedTo, now } = outcome;
  const entries = verdicts.map((verdict) => entryOf(ports, schedule, { verdict, now }));
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
  { verdict, now }: { verdict: Verdict; now: number },
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
  // From the slot, so that a doubled tick is one run.
  const run = derivedId('slot', schedule.id, String(slot.nominal));
  try {
    const plan = ports.plan(schedule, run);
    const later = verdict.is === 'caught_up' && verdict.startAt > now;
    const notBefore = later ? new Date(verdict.startAt).toISOString() : null;
    return { fire: { ...fire, run, lateMs: verdict.lateMs }, wish: { run, plan, notBefore } };
  } catch (error) {
    ports.log.error('a scheduled run could not be planned', { schedule: schedule.id, error: errorText(error) });
    const detail = `${REASON_WORDS.no_plan}: ${errorText(error)}`;
    return { fire: { ...fire, disposition: 'missed', reason: 'no_plan', detail }, wish: null };
  }
}

export function acceptRun({ journal }: KeeperPorts, { id }: Schedule, { run, plan, notBefore }: Wish): boolean {
  return journal.accept({ id: run, plan, input: {}, notBefore, retryOf: null, schedule: id, reuse: [] });
}
