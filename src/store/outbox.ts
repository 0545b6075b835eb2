/** The outbox: messages from the moment they are due to somebody until a channel took them, or they are given up. */
import { z } from 'zod';
import { Message } from '#sdk/kinds/notification.ts';
import type { Database } from '#store/database.ts';

/**
 * - `waiting`: is sent when it is due. `quiet`: becomes part of a digest when quiet hours end.
 * - `sent`, `digested`: told. `held`: not told, because the same was told shortly before. `dead`: could not be told.
 */
export const NOTIFICATION_STATUSES = ['waiting', 'quiet', 'held', 'digested', 'sent', 'dead'] as const;
export type NotificationStatus = (typeof NOTIFICATION_STATUSES)[number];

export interface OutboxEntry {
  seq: number;
  channel: string;
  status: NotificationStatus;
  message: Message;
  createdAt: string;
  dueAt: string;
  attempts: number;
  /** When it was sent, given up, or put into a digest. */
  endedAt: string | null;
  detail: string | null;
}

export interface ChannelState {
  name: string;
  /** Tries in a row that failed. */
  failures: number;
  nextTryAt: string | null;
  /** When nothing more was sent there, because the channel is gone or locked. */
  lockedAt: string | null;
  reason: string | null;
}

export interface Outbox {
  /** A message that the channel was given before is left as it is. */
  add(entry: { channel: string; status: NotificationStatus; message: Message; dueAt: Date }): void;
  recent(about: { channel: string; event: string; service: string | undefined }): { at: string | null; held: number };
  /** The oldest message that the channel may be given now. */
  next(channel: string): OutboxEntry | undefined;
  /** What quiet hours have kept back and are over. */
  quietOver(channel: string): OutboxEntry[];
  digested(entries: readonly OutboxEntry[], digest: Message): void;
  /** What a single message of quiet hours becomes. */
  release(entry: OutboxEntry): void;
  sent(entry: OutboxEntry, detail: string): void;
  dead(entry: OutboxEntry, detail: string): void;
  /** What waits for the channel is of no use any more, and is not sent. */
  withdraw(channel: string, detail: string): void;
  /** The channel did not take it; nothing is sent there before `until`. `asked`: the other side said so itself. */
  failed(entry: OutboxEntry, failure: { detail: string; until: Date; asked: boolean }): void;
  /** Nothing more is sent there until `reopen`. */
  lock(entry: OutboxEntry, detail: string): void;
  failures(channel: string): number;
  /** Gives up what has waited since before `before`, but for the channels that may yet take theirs. @returns how many. */
  giveUp(before: Date, hopeful: readonly string[]): number;
  /** A controller that starts tries everything anew: somebody may have seen to it. What others asked for is kept. */
  reopen(): void;
}

const Row = z
  .object({
    seq: z.number(),
    channel: z.string(),
    status: z.enum(NOTIFICATION_STATUSES),
    message: z.string().transform((text) => Message.parse(JSON.parse(text))),
    created_at: z.string(),
    due_at: z.string(),
    attempts: z.number(),
    ended_at: z.string().nullable(),
    detail: z.string().nullable(),
  })
  .transform(
    ({ created_at: createdAt, due_at: dueAt, ended_at: endedAt, ...rest }): OutboxEntry => ({
      ...rest,
      createdAt,
      dueAt,
      endedAt,
    }),
  );

const ChannelRow = z
  .object({
    name: z.string(),
    failures: z.number(),
    next_try_at: z.string().nullable(),
    locked_at: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .transform(
    ({ next_try_at: nextTryAt, locked_at: lockedAt, ...rest }): ChannelState => ({ ...rest, nextTryAt, lockedAt }),
  );

const RecentRow = z.object({ at: z.string().nullable(), held: z.number() });

export function createOutbox(db: Database, { now }: { now(): Date }): Outbox {
  const iso = () => now().toISOString();
  const end = (entry: OutboxEntry, status: NotificationStatus, detail: string | null) =>
    db
      .sql(`UPDATE notifications SET status = ?, ended_at = ?, detail = ? WHERE seq = ? AND ended_at IS NULL`)
      .run(status, iso(), detail, entry.seq);
  const tried = db.sql('UPDATE notifications SET attempts = attempts + 1, detail = ? WHERE seq = ?');
  const insert = (channel: string, status: NotificationStatus, { message, dueAt }: { message: Message; dueAt: Date }) =>
    db
      .sql(
        `INSERT INTO notifications (id, channel, event, service, status, message, created_at, due_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, channel) DO NOTHING`,
      )
      .run(
        message.id,
        channel,
        message.event,
        message.service ?? null,
        status,
        JSON.stringify(message),
        iso(),
        dueAt.toISOString(),
      );

  return {
    add: ({ channel, status, ...what }) => void insert(channel, status, what),

    recent({ channel, event, service }) {
      const row = db
        .sql(
          `WITH same AS (SELECT seq, status, created_at FROM notifications
             WHERE event = ?1 AND service IS ?2 AND channel = ?3),
           last AS (SELECT seq, created_at FROM same WHERE status <> 'held' ORDER BY seq DESC LIMIT 1)
           SELECT (SELECT created_at FROM last) AS at,
             (SELECT count(*) FROM same WHERE status = 'held' AND seq > coalesce((SELECT seq FROM last), 0)) AS held`,
        )
        .get(event, service ?? null, channel);
      return RecentRow.parse(row);
    },

    next(channel) {
      const row = db
        .sql(
          `SELECT * FROM notifications WHERE channel = ?1 AND status = 'waiting' AND due_at <= ?2
             AND NOT EXISTS (SELECT 1 FROM channels
               WHERE name = ?1 AND (locked_at IS NOT NULL OR next_try_at > ?2))
           ORDER BY seq LIMIT 1`,
        )
        .get(channel, iso());
      return row === undefined ? undefined : Row.parse(row);
    },

    quietOver(channel) {
      return db
        .sql(`SELECT * FROM notifications WHERE channel = ? AND status = 'quiet' AND due_at <= ? ORDER BY seq`)
        .all(channel, iso())
        .map((row) => Row.parse(row));
    },

    digested(entries, digest) {
      db.atomically(() => {
        for (const entry of entries) {
          end(entry, 'digested', null);
          insert(entry.channel, 'waiting', { message: digest, dueAt: now() });
        }
      });
    },

    release: ({ seq }) =>
      void db.sql(`UPDATE notifications SET status = 'waiting' WHERE seq = ? AND status = 'quiet'`).run(seq),

    sent(entry, detail) {
      db.atomically(() => {
        tried.run(null, entry.seq);
        end(entry, 'sent', detail);
        db.sql('DELETE FROM channels WHERE name = ?').run(entry.channel);
      });
    },

    dead(entry, detail) {
      db.atomically(() => {
        tried.run(null, entry.seq);
        end(entry, 'dead', detail);
      });
    },

    withdraw: (channel, detail) =>
      void db
        .sql(
          `UPDATE notifications SET status = 'held', ended_at = ?, detail = ? WHERE channel = ? AND status = 'waiting'`,
        )
        .run(iso(), detail, channel),

    failed(entry, { detail, until, asked }) {
      db.atomically(() => {
        tried.run(detail, entry.seq);
        db.sql(
          `INSERT INTO channels (name, failures, next_try_at, asked, reason) VALUES (?1, 1, ?2, ?3, ?4)
           ON CONFLICT (name) DO UPDATE SET failures = failures + 1, next_try_at = ?2, asked = ?3, reason = ?4`,
        ).run(entry.channel, until.toISOString(), asked ? 1 : 0, detail);
      });
    },

    lock(entry, detail) {
      db.atomically(() => {
        tried.run(detail, entry.seq);
        db.sql(
          `INSERT INTO channels (name, failures, locked_at, reason) VALUES (?1, 1, ?2, ?3)
           ON CONFLICT (name) DO UPDATE SET failures = failures + 1, locked_at = ?2, reason = ?3`,
        ).run(entry.channel, iso(), detail);
      });
    },

    failures(channel) {
      const row = db.sql('SELECT * FROM channels WHERE name = ?').get(channel);
      return row === undefined ? 0 : ChannelRow.parse(row).failures;
    },

    giveUp(before, hopeful) {
      const { changes } = db
        .sql(
          `UPDATE notifications SET status = 'dead', ended_at = ?1,
             detail = 'given up: ' || coalesce(detail, 'its channel took nothing, or is not configured any more')
           WHERE status IN ('waiting', 'quiet') AND due_at < ?2
             AND (channel NOT IN (SELECT value FROM json_each(?3))
               OR channel IN (SELECT name FROM channels WHERE locked_at IS NOT NULL))`,
        )
        .run(iso(), before.toISOString(), JSON.stringify(hopeful));
      return Number(changes);
    },

    reopen() {
      db.sql('UPDATE channels SET locked_at = NULL').run();
      db.sql('UPDATE channels SET next_try_at = NULL WHERE asked = 0').run();
    },
  };
}

export interface OutboxLog {
  /** Newest first. */
  entries(limit: number): OutboxEntry[];
  /** Channels that do not take messages now. */
  troubled(): ChannelState[];
}

export function createOutboxLog(db: Database): OutboxLog {
  // A state file that no controller of this version has opened yet.
  const old = db.sql(`SELECT 1 FROM sqlite_master WHERE name = 'notifications'`).get() === undefined;
  if (old) return { entries: () => [], troubled: () => [] };
  return {
    entries: (limit) =>
      db
        .sql('SELECT * FROM notifications ORDER BY seq DESC LIMIT ?')
        .all(limit)
        .map((row) => Row.parse(row)),
    troubled: () =>
      db
        .sql('SELECT * FROM channels WHERE failures > 0 ORDER BY name')
        .all()
        .map((row) => ChannelRow.parse(row)),
  };
}
