/** What is told of a probe that was asked. */
import { z } from 'zod';

export const ProbeResult = z.object({
  probe: z.string().describe('The probe in words: GET http://127.0.0.1:8090/healthz'),
  ok: z.boolean(),
  detail: z.string().describe('What was seen'),
  durationMs: z.number().nonnegative(),
});
export type ProbeResult = z.output<typeof ProbeResult>;
