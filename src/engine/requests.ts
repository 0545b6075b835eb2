/** What can be asked of the controller, by the command line, by the API, or by another host. */
import { z } from 'zod';
import type { RunDetail, RunEvent, RunView } from '#engine/run.ts';
import { RUN_STATUSES } from '#engine/run.ts';
import type { SetPurpose } from '#sdk/kinds/destination.ts';
import type { Plan } from '#sdk/plan.ts';
import { Decision } from '#sdk/versions/decision.ts';

export const EnqueueRequest = z.object({
  /** Chosen by the asker, so that asking twice is one request. */
  id: z.string(),
  workflow: z.string(),
  /** Empty with `all`. */
  services: z.array(z.string()),
  all: z.boolean(),
  input: z.record(z.string(), z.json()),
  /** Not to be started before this instant (`--at`). */
  notBefore: z.iso.datetime().nullable().default(null),
});
export type EnqueueRequest = z.input<typeof EnqueueRequest>;

export const RunsQuery = z.object({
  service: z.string().optional(),
  workflow: z.string().optional(),
  status: z.enum(RUN_STATUSES).optional(),
  limit: z.int().positive().max(10_000).default(20),
});
export type RunsQuery = z.input<typeof RunsQuery>;

/** What a person decides of versions of one service. */
export const DecideRequest = z.object({
  service: z.string(),
  decisions: z.array(Decision.omit({ service: true, at: true })).min(1),
});
export type DecideRequest = z.input<typeof DecideRequest>;

export const UnpinRequest = z.object({ service: z.string(), image: z.string().nullable() });
export type UnpinRequest = z.input<typeof UnpinRequest>;

/** What would happen: the plan, and what the history tells of each of its steps. */
export interface Preview {
  plan: Plan;
  planHash: string;
  /** Step key → duration of its last success, in milliseconds. */
  lastDurations: Record<string, number>;
  /** The run that has the service now, if a change must wait for it. */
  waitsFor: RunView | null;
}

/** What `runs retry` would do: the steps that run again, and those whose results are taken over. */
export interface RetryPreview {
  run: RunView;
  from: string;
  again: string[];
  reused: string[];
}

export interface RestorePointView {
  id: string;
  service: string;
  host: string;
  createdAt: string;
  sizeBytes: number;
  files: number;
  verifiedAt: string | null;
  pinned: boolean;
  /** `before-rollback`: it holds what a rollback replaced. */
  purpose: SetPurpose;
  copies: {
    destination: string;
    host: string;
    status: 'verified' | 'unverified' | 'missing' | 'damaged';
    verifiedAt: string | null;
  }[];
  /** When it was last really restored; null: never, as far as this state file knows. */
  lastDrill: DrillView | null;
}

/** A restore that was tried and worked. */
export interface DrillView {
  run: string;
  /** A set of the service's files, or a backup of its guest as a whole. */
  of: 'set' | 'guest';
  service: string;
  /** Of a guest: the backup as its platform names it. */
  restorePoint: string;
  /** Of a guest: its hypervisor. */
  destination: string;
  provenAt: string;
  /** Until all was back, and worked where it was started. */
  recoveryMs: number;
  /** How old the data was that came back. */
  dataAgeMs: number;
  /** Whether the service was started from what came back, or its files alone were compared. */
  started: boolean;
}

/** A schedule that a person paused, or let go on. `pausedAt` is ISO 8601; null: it goes on. */
export interface PauseState {
  id: string;
  pausedAt: string | null;
}

/**
 * The controller as its askers see it. `id` parameters take a full id or a unique prefix.
 * Failures: HA_NOT_FOUND (with the nearest names as `next`), HA_CONFLICT, HA_USAGE; from afar also HA_REDIS_UNREACHABLE
 * and HA_NO_CONTROLLER.
 */
export interface Controller {
  enqueue(request: EnqueueRequest): Promise<RunView[]>;
  preview(request: Omit<EnqueueRequest, 'id'>): Promise<Preview[]>;
  runs(query: RunsQuery): Promise<RunView[]>;
  run(id: string): Promise<RunDetail>;
  cancel(id: string): Promise<RunView>;
  retryPreview(id: string, from: string | null): Promise<RetryPreview>;
  retry(id: string, from: string | null): Promise<RunView>;
  /** `schedule` is a full id. */
  setPaused(schedule: string, paused: boolean): Promise<PauseState>;
  /** What people have decided of versions, the newest first; null: of all services. */
  decisions(service: string | null): Promise<Decision[]>;
  /** @returns all that is decided of the service's versions now. */
  decide(request: DecideRequest): Promise<Decision[]>;
  /** @returns how many pins there were. */
  unpin(request: UnpinRequest): Promise<number>;
}

/** The controller from another process, through Redis. */
export interface RemoteController extends Controller, AsyncDisposable {
  /**
   * What happens in these runs from now on, in order, until all have ended or the signal fires. Ask for the runs
   * themselves after subscribing: events are for display, the history is the truth.
   */
  follow(runs: readonly string[], signal: AbortSignal): AsyncIterable<RunEvent>;
}
