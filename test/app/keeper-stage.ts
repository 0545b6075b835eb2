/** A keeper with its real ledger, and a time that passes when the test says so. */
import { join } from 'node:path';
import { createKeeper, type Keeper } from '#app/keeper.ts';
import type { Fire } from '#schedule/fire.ts';
import { plainRules, type Schedule, type ScheduleRules } from '#schedule/rules.ts';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { createLedger, type Ledger } from '#store/ledger.ts';
import { silent } from '#test/support/engine.ts';
import { planOf, step } from '#test/support/plans.ts';
import { tempDir } from '#test/support/tmp.ts';

const SWEEP_MS = 30_000;

export interface KeeperStage extends AsyncDisposable {
  ledger: Ledger;
  /** What the clock shows, in milliseconds. */
  clock: number;
  /** How long a run takes from its request to its end. */
  runMs: number;
  /** Since when a host has no worker. */
  away: Map<string, number>;
  keeper: Keeper;
  /** A controller starts, with these schedules in its configuration. */
  boot(...schedules: Schedule[]): void;
  /** The controller lives until the clock shows this: it ticks and sweeps. */
  live(until: string | number, sweepMs?: number): void;
  /** Newest last: slot, disposition and reason. */
  told(schedule?: string): [string, Fire['disposition'], Fire['reason']][];
  fires(schedule?: string): Fire[];
  runs(): { id: string; status: string; schedule: string | null }[];
  /** Ids of the runs that were to be cancelled. */
  cancelled: string[];
  /** Slots that a person is told of. */
  missed: string[];
  refuse: string | null;
  /** What a service depends on, by its name. */
  needs: Map<string, string[]>;
  /** Starts the runs that may start now. @returns their services. */
  admit(): string[];
}

export function scheduleOf(rules: Partial<ScheduleRules> = {}, service = 'notes', host = 'nas'): Schedule {
  const place = { id: `backup.${service}`, workflow: 'backup', service, host };
  return { ...plainRules('0 3 * * *', 'UTC'), ...rules, ...place };
}

export async function openKeeperStage(start: string): Promise<KeeperStage> {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  const now = () => new Date(stage.clock);
  const journal = createJournal(db, { now });
  const history = createHistory(db);
  const ledger = createLedger(db);
  const ends = new Map<string, number>();

  let asked = false;

  function endRuns(): void {
    if (asked) {
      for (const { id } of history.runs({ status: 'queued', limit: 1_000 })) {
        if (!ends.has(id)) ends.set(id, stage.clock + stage.runMs);
      }
      asked = false;
    }
    for (const [id, end] of ends) {
      // A run takes its time, whatever the clock shows meanwhile.
      const still = Math.min(end, stage.clock + stage.runMs);
      ends.set(id, still);
      if (still > stage.clock) continue;
      journal.finish(id, { status: 'succeeded', reason: null, next: null });
      ends.delete(id);
    }
  }

  const open = () =>
    createKeeper({
      ledger,
      journal,
      log: silent,
      now,
      admit() {
        asked = true;
      },
      cancel: (run) => {
        stage.cancelled.push(run);
        journal.finish(run, { status: 'cancelled', reason: null, next: null });
        ends.delete(run);
      },
      needs: ({ workflow, service }) =>
        (stage.needs.get(service) ?? []).map((need) => ({ service: need, schedule: `${workflow}.${need}` })),
      plan({ workflow, service, host }) {
        if (stage.refuse !== null) throw new Error(stage.refuse);
        return planOf(step('capture'), { workflow, service, host });
      },
      awayMs(host) {
        const since = stage.away.get(host);
        return since === undefined ? null : Math.max(0, stage.clock - since);
      },
      onFires: (_schedule, { missed }) => void stage.missed.push(...missed.map(({ slot }) => slot.slice(0, 16))),
    });

  let schedules: Schedule[] = [];
  const stage: KeeperStage = {
    ledger,
    clock: Date.parse(`${start}Z`),
    runMs: 600_000,
    away: new Map(),
    keeper: open(),
    cancelled: [],
    missed: [],
    refuse: null,
    needs: new Map(),
    admit: () => journal.admit({ atOnce: new Map() }).map((id) => history.run(id).service),
    boot(...given) {
      schedules = given;
      endRuns();
      stage.keeper = open();
      stage.keeper.settle(given);
      endRuns();
    },
    live(until, sweepMs = SWEEP_MS) {
      const end = typeof until === 'string' ? Date.parse(`${until}Z`) : until;
      let sweep = stage.clock + sweepMs;
      while (stage.clock < end) {
        const ticks = schedules.map(({ id }) => ({ id, due: stage.keeper.nextTick(id, stage.clock) ?? Infinity }));
        const next = Math.min(end, sweep, ...ticks.map(({ due }) => due));
        stage.clock = next;
        endRuns();
        for (const { id, due } of ticks) if (due === next) stage.keeper.tick(id, due);
        if (next === sweep) {
          stage.keeper.sweep();
          sweep += sweepMs;
        }
        endRuns();
      }
    },
    fires: (schedule) => ledger.fires({ schedule, limit: 1_000_000 }).reverse(),
    told: (schedule) =>
      stage.fires(schedule).map(({ slot, disposition, reason }) => [slot.slice(0, 16), disposition, reason]),
    runs: () => history.runs({ limit: 1_000_000 }),
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
  return stage;
}
