/** Lengths of time in a plugin's configuration. */
import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '#kernel/duration.ts';

/**
 * `30s`, `5m`, `1h30m`. It stays the text that the user wrote, because a configuration is stored, and read again where
 * the action runs; `milliseconds()` gives the number.
 */
export const Duration = z
  .string()
  .min(1)
  .regex(DURATION_PATTERN, 'not a duration: write it as 30s, 5m or 1h30m')
  .describe('A length of time: 30s, 5m, 1h30m, 2d');

export function milliseconds(duration: string): number {
  // The schema has let through nothing that cannot be read.
  return parseDuration(duration) ?? 0;
}
