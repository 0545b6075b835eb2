/** How long things may take in the queues. One set of figures for all workers of a queue: BullMQ's checks share keys. */

/** A worker that has not renewed its lock for this long (milliseconds) has lost its step. */
export const LOCK_MS = 6_000;

/** A lock that could not be renewed for this long is given up before Redis gives it to somebody else. */
export const GIVE_UP_MS = LOCK_MS * 0.75;

/** How often the age of the locks is looked at. */
export const WATCH_MS = LOCK_MS / 20;

/** How long the main thread may take to hear of a lost lock before the whole process is ended for it. */
export const OBEY_MS = 1_000;

/** How long a cancelled step may take to end. Commands are killed two seconds after they were asked. */
export const DEAF_MS = 6_000;

/** The same for a step whose lock is lost: its replacement waits. */
export const LOST_DEAF_MS = 3_000;

/** How long after its time limit a step may still be held, if its worker did all that it does to end it. */
export const OVERDUE_MS = 60_000;

/**
 * Whoever held a step, and could not renew its lock from some instant on, is at an end this long after it: the lock was
 * given up, the step was told to stop, and its commands, or its whole process, were killed.
 */
export const FORGOTTEN_MS = GIVE_UP_MS + WATCH_MS + LOST_DEAF_MS + 500;

/** How long a replacement that cannot look after its predecessor itself waits: the lock has run out by then. */
export const OUT_OF_REACH_MS = FORGOTTEN_MS - LOCK_MS;

/** How often a queue is searched for steps whose worker died. */
export const STALLED_CHECK_MS = 1_500;

/** How long after its death the controller, or a worker, still counts as present. */
export const PRESENCE_MS = 6_000;

/** How long a finished job is kept for the queue page; the history is in SQLite. */
export const KEEP_JOBS = { age: 3 * 24 * 3600, count: 2_000 };

/** Longer than any step takes to be given to another worker (seconds). */
export const HOLDER_MEMORY_S = 7 * 24 * 3600;
