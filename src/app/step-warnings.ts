/** What a step warned of: told in the story of its run, where a person reads it. */
import { z } from 'zod';
import type { StepResult } from '#engine/ports.ts';

/** Any action may have `warnings` in its output; more than this many are counted, not told. */
const TOLD = 20;

const Output = z.object({ warnings: z.array(z.string()) });

export function warningsOf(result: StepResult): string[] {
  const parsed = result.status === 'succeeded' ? Output.safeParse(result.output) : undefined;
  const warnings = parsed?.data?.warnings ?? [];
  const rest = warnings.length - TOLD;
  return rest > 0 ? [...warnings.slice(0, TOLD), `and ${rest} more warnings`] : warnings;
}
