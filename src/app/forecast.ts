/** What the schedules are about to do: from the configuration, and from what the ledger knows of each. */
import { openLedgerLog } from '#app/ledger-log.ts';
import { schedulesOf } from '#app/schedules.ts';
import type { Settings } from '#app/settings.ts';
import type { Fire, Reason } from '#schedule/fire.ts';
import { openPlanner, type Planner, type Slot } from '#schedule/planner.ts';
import type { Schedule } from '#schedule/rules.ts';

/** A slot that is still to come. */
export interface ComingSlot {
  nominal: Date;
  /** When its run is to start. */
  due: Date;
  /** Why it will be skipped; null when it will not. */
  skip: Reason | null;
}

export interface ScheduleView {
  schedule: Schedule;
  /** ISO 8601; null while it is not paused. */
  pausedAt: string | null;
  /** When something will start the next time; null: never, or not while it is paused. */
  nextAt: Date | null;
  /** The newest slot that has a disposition. */
  last: Fire | null;
  coming: ComingSlot[];
}

/** A cron of seconds may fire 86,400 times a day; nobody reads more of one schedule than this. */
const MOST_SLOTS = 1_000;

/** Slots that are skipped are looked past so far. */
const MOST_LOOKS = 10_000;

export async function forecast(settings: Settings, coming: { from: Date; until: Date }): Promise<ScheduleView[]> {
  using log = openLedgerLog(settings);
  const known = new Map(log?.schedules().map((entry) => [entry.id, entry]));
  const latest = log?.latest();
  return schedulesOf(settings.config).map((schedule) => {
    const planner = openPlanner(schedule);
    const pausedAt = known.get(schedule.id)?.pausedAt ?? null;
    return {
      schedule,
      pausedAt,
      nextAt: pausedAt === null ? nextStart(planner, coming.from) : null,
      last: latest?.get(schedule.id) ?? null,
      coming: slotsWithin(planner, coming).map(({ nominal, due, barred }) => ({
        nominal: new Date(nominal),
        due: new Date(due),
        skip: barred ?? (pausedAt === null ? null : 'paused'),
      })),
    };
  });
}

function slotsWithin(planner: Planner, { from, until }: { from: Date; until: Date }): Slot[] {
  const slots: Slot[] = [];
  let slot = planner.dueAfter(from.getTime());
  while (slot !== undefined && slot.due <= until.getTime() && slots.length < MOST_SLOTS) {
    slots.push(slot);
    slot = planner.after(slot.nominal);
  }
  return slots;
}

function nextStart(planner: Planner, from: Date): Date | null {
  let slot = planner.dueAfter(from.getTime());
  for (let looks = 0; slot !== undefined && slot.barred !== null; looks++) {
    if (looks === MOST_LOOKS) return null;
    slot = planner.after(slot.nominal);
  }
  return slot === undefined ? null : new Date(slot.due);
}
