/** What became of one slot of a schedule: the one disposition that the ledger holds for it. */

export const DISPOSITIONS = ['ran', 'caught_up', 'skipped', 'missed'] as const;

/**
 * - `ran`: its run was asked for on time. `caught_up`: it was asked for later, because of `reason`.
 * - `skipped`: it was not to run, by a rule or by a person's word. `missed`: it was to run, and could not.
 */
export type Disposition = (typeof DISPOSITIONS)[number];

export const REASONS = [
  // skipped
  'overlap',
  'paused',
  'blackout',
  'outside_window',
  'host_away',
  // missed and caught up: why it could not start on time
  'controller_down',
  'asleep',
  'late',
  // missed
  'removed',
  'no_plan',
] as const;

/**
 * `asleep`: the controller's machine slept, or its clock was set forward. `late`: nobody asked in time, as when Redis
 * was away. `removed`: the schedule was taken out of the configuration. `no_plan`: there could be no run.
 */
export type Reason = (typeof REASONS)[number];

/** Why a slot did not start when it was due. */
export type Cause = Extract<Reason, 'controller_down' | 'asleep' | 'late' | 'host_away'>;

export interface Fire {
  schedule: string;
  workflow: string;
  service: string;
  /** The nominal instant; ISO 8601, as all times here. */
  slot: string;
  dueAt: string;
  disposition: Disposition;
  /** Null for what ran on time. */
  reason: Reason | null;
  /** The reason in a sentence; null when there is nothing to add. */
  detail: string | null;
  run: string | null;
  /** From the moment when it was due to its start; null when it did not start. */
  lateMs: number | null;
  recordedAt: string;
}
