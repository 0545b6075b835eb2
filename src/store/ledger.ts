/** The ledger of the schedules: for each slot of each the one disposition that it was given. Written by the controller only. */
import { z } from 'zod';
import { DISPOSITIONS, type Fire, REASONS } from '#schedule/fire.ts';
import { Schedule } from '#schedule/rules.ts';
import type { Database } from '#store/database.ts';
import { placeNamed } from '#store/place.ts';
import { RunRow } from '#store/rows.ts';

export interface KnownSchedule {
  id: string;
  /** Null: written by a version whose rules this one cannot read. */
  schedule: Schedule | null;
  /** All slots up to this nominal instant (milliseconds) are in the ledger. */
  accountedTo: number;
  /** ISO 8601; null while it is not paused. */
  pausedAt: string | null;
}

export interface FireFilter {
  schedule?: string | undefined;
  service?: string | undefined;
  limit: number;
}

export interface LedgerLog {
  /** Those of the configuration that a controller has seen. */
  schedules(): KnownSchedule[];
  /** Newest first. */
  fires(filter: FireFilter): Fire[];
  /** The newest of each schedule. */
  latest(): Map<string, Fire>;
}

export interface Ledger extends LedgerLog {
  known(id: string): Pick<KnownSchedule, 'accountedTo' | 'pausedAt'> | undefined;
  /** From this instant on the schedule is accounted for, by these rules. A pause holds on. */
  begin(schedule: Schedule, from: number): void;
  /** The schedule is no more; its dispositions stay. */
  forget(id: string): void;
  /** A slot that has a disposition keeps it. `accountedTo`: the last slot up to which there are no gaps now. */
  record(schedule: string, fires: readonly Fire[], accountedTo: number): void;
  /** Of some slots (nominal instants, in milliseconds), those that have a disposition. */
  recorded(schedule: string, slots: readonly number[]): Set<number>;
  /**
   * The clock was set back to `now`: what is to come again has not been. What ran in that time keeps its disposition,
   * everything else is decided when its time comes.
   */
  rewind(now: number): void;
  pause(id: string, at: string | null): void;
  /** The runs of a workflow on a service that have not ended, whoever asked for them. */
  unfinished(of: { workflow: string; service: string }): UnfinishedRun[];
  /** When a controller last looked after the schedules (milliseconds). */
  seenAt(): number | undefined;
  see(now: number): void;
  /** Forgets slots before an instant (milliseconds). */
  prune(before: number): void;
}

const UnfinishedRow = RunRow.pick({ id: true, schedule: true });
export type UnfinishedRun = z.output<typeof UnfinishedRow>;

const SEEN = 'schedules.seen_at';

const KnownRow = z
  .object({ id: z.string(), rules: z.string(), accounted_to: z.string(), paused_at: z.string().nullable() })
  .transform(
    ({ id, rules, accounted_to: accountedTo, paused_at: pausedAt }): KnownSchedule => ({
      id,
      schedule: Schedule.safeParse(JSON.parse(rules)).data ?? null,
      accountedTo: Date.parse(accountedTo),
      pausedAt,
    }),
  );

const StandRow = z
  .object({ accounted_to: z.string(), paused_at: z.string().nullable() })
  .transform(({ accounted_to: accountedTo, paused_at: pausedAt }) => ({
    accountedTo: Date.parse(accountedTo),
    pausedAt,
  }));

const FireRow = z
  .object({
    schedule: z.string(),
    workflow: z.string(),
    service: z.string(),
    slot: z.string(),
    due_at: z.string(),
    disposition: z.enum(DISPOSITIONS),
    reason: z.enum(REASONS).nullable(),
    detail: z.string().nullable(),
    run: z.string().nullable(),
    late_ms: z.number().nullable(),
    recorded_at: z.string(),
  })
  .transform(({ due_at: dueAt, late_ms: lateMs, recorded_at: recordedAt, ...rest }): Fire => {
    return { ...rest, dueAt, lateMs, recordedAt };
  });

const SlotRow = z.object({ slot: z.string() });

const iso = (ms: number) => new Date(ms).toISOString();

export function createLedgerLog(db: Database): LedgerLog {
  // A state file that no controller of this version has opened yet.
  const old = db.sql(`SELECT 1 FROM sqlite_master WHERE name = 'fires'`).get() === undefined;
  if (old) return { schedules: () => [], fires: () => [], latest: () => new Map() };
  return {
    schedules: () =>
      db
        .sql('SELECT id, rules, accounted_to, paused_at FROM schedules ORDER BY id')
        .all()
        .map((row) => KnownRow.parse(row)),
    fires: ({ schedule, service, limit }) =>
      db
        .sql(
          `SELECT * FROM fires WHERE (?1 IS NULL OR schedule = ?1) AND (?2 IS NULL OR service = ?2)
           ORDER BY slot DESC, schedule LIMIT ?3`,
        )
        .all(schedule ?? null, service ?? null, limit)
        .map((row) => FireRow.parse(row)),
    latest() {
      const rows = db
        .sql(
          'SELECT f.* FROM schedules s JOIN fires f ON f.schedule = s.id AND f.slot = (SELECT max(slot) FROM fires WHERE schedule = s.id)',
        )
        .all()
        .map((row) => FireRow.parse(row));
      return new Map(rows.map((fire) => [fire.schedule, fire]));
    },
  };
}

export function createLedger(db: Database): Ledger {
  const log = createLedgerLog(db);
  const seen = placeNamed(db, SEEN);
  return {
    ...log,

    known(id) {
      const row = db.sql('SELECT accounted_to, paused_at FROM schedules WHERE id = ?').get(id);
      return row === undefined ? undefined : StandRow.parse(row);
    },

    begin(schedule, from) {
      db.sql(
        `INSERT INTO schedules (id, rules, accounted_to) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET rules = ?2, accounted_to = ?3`,
      ).run(schedule.id, JSON.stringify(schedule), iso(from));
    },

    forget: (id) => void db.sql('DELETE FROM schedules WHERE id = ?').run(id),

    record(schedule, fires, accountedTo) {
      db.atomically(() => {
        for (const fire of fires) insertFire(db, fire);
        db.sql('UPDATE schedules SET accounted_to = ? WHERE id = ?').run(iso(accountedTo), schedule);
      });
    },

    recorded(schedule, slots) {
      const [first] = slots;
      if (first === undefined) return new Set();
      const rows = db
        .sql('SELECT slot FROM fires WHERE schedule = ? AND slot BETWEEN ? AND ?')
        .all(schedule, iso(first), iso(slots.at(-1) ?? first));
      return new Set(rows.map((row) => Date.parse(SlotRow.parse(row).slot)));
    },

    rewind(now) {
      db.atomically(() => {
        db.sql('DELETE FROM fires WHERE slot > ? AND run IS NULL').run(iso(now));
        db.sql('UPDATE schedules SET accounted_to = ?1 WHERE accounted_to > ?1').run(iso(now));
      });
    },

    pause: (id, at) => void db.sql('UPDATE schedules SET paused_at = ? WHERE id = ?').run(at, id),

    unfinished: ({ workflow, service }) =>
      db
        .sql(
          `SELECT id, schedule FROM runs
           WHERE service = ? AND workflow = ? AND status IN ('queued', 'running') ORDER BY seq`,
        )
        .all(service, workflow)
        .map((row) => UnfinishedRow.parse(row)),

    seenAt() {
      const at = seen.read();
      return at === undefined ? undefined : Number(at);
    },

    see: (now) => seen.write(String(now)),

    prune: (before) => void db.sql('DELETE FROM fires WHERE slot < ?').run(iso(before)),
  };
}

function insertFire(db: Database, fire: Fire): void {
  db.sql(
    `INSERT INTO fires (schedule, slot, workflow, service, due_at, disposition, reason, detail, run, late_ms, recorded_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (schedule, slot) DO NOTHING`,
  ).run(
    fire.schedule,
    fire.slot,
    fire.workflow,
    fire.service,
    fire.dueAt,
    fire.disposition,
    fire.reason,
    fire.detail,
    fire.run,
    fire.lateMs,
    fire.recordedAt,
  );
}
