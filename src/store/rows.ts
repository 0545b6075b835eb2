/** Rows as they come out of SQLite, parsed once at this edge. */
import { z } from 'zod';
import type { DrillView } from '#engine/requests.ts';
import { RUN_STATUSES, TERMINAL_STATUSES } from '#engine/run.ts';
import type { ErrorCode } from '#kernel/errors.ts';
import { errorCodes } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { SetPurpose } from '#sdk/kinds/destination.ts';

const JsonText = z.string().transform((text): unknown => JSON.parse(text));
const OutputText = JsonText.pipe(z.record(z.string(), z.json())).transform((value): JsonObject => value);
const Code = z.custom<ErrorCode>((code) => typeof code === 'string' && code in errorCodes);
const ErrorText = JsonText.pipe(
  z.object({ code: Code, message: z.string(), next: z.string().optional() }).transform(({ next, ...facts }) => ({
    ...facts,
    ...(next === undefined ? {} : { next }),
  })),
);

export const RunRow = z.object({
  seq: z.number(),
  id: z.string(),
  workflow: z.string(),
  service: z.string(),
  host: z.string(),
  changes: z.number(),
  status: z.enum(RUN_STATUSES),
  plan: z.string(),
  plan_hash: z.string(),
  requested_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  cancel_requested_at: z.string().nullable(),
  reason: z.string().nullable(),
  next: z.string().nullable(),
  retry_of: z.string().nullable(),
  schedule: z.string().nullable(),
  restore_point: z.string().nullable(),
});
export type RunRow = z.output<typeof RunRow>;

export const IdRow = z.object({ id: z.string() });
export const AdmissionRow = RunRow.pick({ id: true, workflow: true, service: true, changes: true });
export const StoppedRow = RunRow.pick({ id: true, service: true, workflow: true }).extend({
  by_run: z.string(),
  by_service: z.string(),
  by_status: z.enum(TERMINAL_STATUSES),
});
export const PlanRow = z.object({ id: z.string(), plan: z.string() });

export const StepRow = z.object({
  key: z.string(),
  seq: z.number(),
  status: z.enum(['dispatched', 'running', 'succeeded', 'failed', 'withdrawn']),
  attempts: z.number(),
  reused: z.number(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  output: OutputText.nullable(),
  error: ErrorText.nullable(),
});
export type StepRow = z.output<typeof StepRow>;

export const StoryRow = z.object({ at: z.string(), text: z.string() });

export const RestorePointRow = z.object({
  id: z.string(),
  service: z.string(),
  host: z.string(),
  created_at: z.string(),
  size_bytes: z.number(),
  files: z.number(),
  verified_at: z.string().nullable(),
  pinned: z.number(),
  purpose: SetPurpose,
});

export const CopyRow = z.object({
  destination: z.string(),
  host: z.string(),
  status: z.enum(['verified', 'unverified', 'missing']),
  verified_at: z.string().nullable(),
});

export const DrillRow = z
  .object({
    run: z.string(),
    of: z.enum(['set', 'guest']),
    service: z.string(),
    restore_point: z.string(),
    destination: z.string(),
    proven_at: z.string(),
    recovery_ms: z.number(),
    data_age_ms: z.number(),
    started: z.number(),
  })
  .transform(
    (row): DrillView => ({
      run: row.run,
      of: row.of,
      service: row.service,
      restorePoint: row.restore_point,
      destination: row.destination,
      provenAt: row.proven_at,
      recoveryMs: row.recovery_ms,
      dataAgeMs: row.data_age_ms,
      started: row.started === 1,
    }),
  );
