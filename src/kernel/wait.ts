/** Waiting that ends: for time, for a condition, or for a signal to stop. */
import { setTimeout as delay } from 'node:timers/promises';

/** Waits `ms` milliseconds, or less when the signal fires. Never throws. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    // An aborted wait has ended, and that is all that a caller wants to know.
  }
}

interface Wait {
  timeoutMs: number;
  everyMs?: number;
  signal?: AbortSignal;
}

/**
 * Asks again and again until the answer is not `undefined`, or the deadline passes.
 * @returns the answer, or `undefined` when `timeoutMs` passed or the signal fired first.
 */
export async function until<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  options: Wait,
): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline || options.signal?.aborted) return undefined;
    await pause(options.everyMs ?? 20, options.signal);
  }
}

/**
 * Asks again and again until it is answered.
 * @throws the last failure when `timeoutMs` passed, the reason of the signal when it fired first.
 */
export async function untilAnswered<T>(ask: () => Promise<T>, options: Wait & { signal: AbortSignal }): Promise<T> {
  let failure: unknown;
  const attempt = async (): Promise<{ value: T } | undefined> => {
    try {
      return { value: await ask() };
    } catch (error) {
      failure = error;
      return undefined;
    }
  };
  const answered = await until(attempt, options);
  if (answered !== undefined) return answered.value;
  options.signal.throwIfAborted();
  throw failure;
}
