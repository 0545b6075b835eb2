/** How often a service that is down is restarted, and when a person is called instead. */

export interface HealRules {
  /** How long it must have been down (milliseconds). */
  afterMs: number;
  /** Restarts within the window; after that many a person is called. */
  attempts: number;
  windowMs: number;
  /** The pause after the first restart; it doubles with each further one, up to the longest. */
  backoffMs: number;
  maxBackoffMs: number;
}
