/** What a rehearsal does to its copy, and how each of it must end. */
import type { Breakage } from '#app/rehearse/orders.ts';
import type { TerminalStatus } from '#engine/run.ts';

export interface Scenario {
  name: string;
  breakage: Breakage;
  /** The one right end of the update. */
  status: TerminalStatus;
  /** The worker is killed once in every step, in those of the way back as well. */
  kill: boolean;
  /** There is no room for the restore point. */
  full: boolean;
}

const plain = { kill: false, full: false };

export const SCENARIOS: readonly Scenario[] = [
  { ...plain, name: 'a full disk', breakage: 'works', status: 'failed', full: true },
  { ...plain, name: 'an image that does not start', breakage: 'does-not-start', status: 'rolled_back' },
  { ...plain, name: 'an image that destroys data and dies', breakage: 'corrupts-data', status: 'rolled_back' },
  { ...plain, name: 'a migration that fails halfway', breakage: 'failed-migration', status: 'rolled_back' },
  { ...plain, name: 'kill -9 in each step', breakage: 'corrupts-data', status: 'rolled_back', kill: true },
  // The last one: nothing of it is to be brought back before the next.
  { ...plain, name: 'the candidate itself, and the way back from it', breakage: 'works', status: 'succeeded' },
];
