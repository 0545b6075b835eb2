/** Waiting in tests: for a condition, with a deadline, and with a message that says what never came. */
import { until } from '#kernel/wait.ts';

/** The first answer that is neither `undefined` nor `false`; fails with `what` when there is none in time. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const answer = await until(
    async () => {
      const value = await ask();
      return value === undefined || value === false ? undefined : { value };
    },
    { timeoutMs },
  );
  if (answer === undefined) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
  return answer.value;
}
