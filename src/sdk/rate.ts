/** How much data may go over a line in a second, in a plugin's configuration. */
import { z } from 'zod';
import { parseSize } from '#kernel/size.ts';

/** `4M`: stays the text that the user wrote; `bytesPerSecond()` gives the number. */
export const Rate = z
  .string()
  .refine((text) => (parseSize(text) ?? 0) >= 1024, 'not an amount for a second: write it as 500K, 4M or 1G')
  .describe('Bytes for a second: 500K, 4M');

export function bytesPerSecond(rate: string): number {
  // The schema has let through nothing that cannot be read.
  return parseSize(rate) ?? Number.POSITIVE_INFINITY;
}
