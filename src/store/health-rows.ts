/** Rows of monitoring as they come out of SQLite. */
import { z } from 'zod';
import { Finding } from '#monitor/check.ts';
import type { CheckState } from '#monitor/judge.ts';
import type { Incident } from '#monitor/world.ts';

/** The length of each span, in milliseconds: hours, days. */
export const spans: readonly number[] = [3_600_000, 86_400_000];

const State = z.object({
  state: z.enum(['unknown', 'up', 'down']),
  since: z.number(),
  streak: z.number(),
  badSince: z.number().nullable(),
  planned: z.boolean(),
  last: Finding.extend({ at: z.number() }),
});

export const StateRow = z
  .object({ key: z.string(), state: z.string() })
  .transform(({ key, state }): { key: string; state: CheckState } => ({ key, state: State.parse(JSON.parse(state)) }));

export const IncidentRow = z
  .object({
    id: z.string(),
    subject: z.string(),
    started_at: z.number(),
    ended_at: z.number().nullable(),
    cause: z.string(),
    root: z.string().nullable(),
    run: z.string().nullable(),
    told_at: z.number().nullable(),
    reminders: z.number(),
    hold_until: z.number(),
    // Of a state file that an older version wrote.
    gave_up_at: z.number().nullable().default(null),
  })
  .transform(
    ({ started_at, ended_at, told_at, hold_until, gave_up_at, ...rest }): Incident => ({
      ...rest,
      startedAt: started_at,
      endedAt: ended_at,
      toldAt: told_at,
      holdUntil: hold_until,
      gaveUpAt: gave_up_at,
    }),
  );

export const SumRow = z.object({
  up_ms: z.number().nullable(),
  down_ms: z.number().nullable(),
  planned_ms: z.number().nullable(),
});
export const TookRow = z.object({ took: z.instanceof(Uint8Array) });
