/** What a test and its guest say to one another: a line of JSON each, answered in any order. */
import { z } from 'zod';
import type { ErrorCode } from '#kernel/errors.ts';

const Call = z.object({
  /** The directory of the bed, which both machines see. */
  folder: z.string(),
  destinations: z.array(z.object({ name: z.string(), type: z.string(), config: z.record(z.string(), z.json()) })),
  /** A destination, or undefined for the archive itself. */
  destination: z.string().optional(),
  action: z.string(),
  input: z.record(z.string(), z.json()),
});

export const Request = z.object({
  id: z.number(),
  what: z.union([
    z.object({ call: Call }),
    /** A command of the guest's system. */
    z.object({ argv: z.tuple([z.string()], z.string()) }),
    /** Ends with the bed in this directory. */
    z.object({ close: z.string() }),
  ]),
});
export type Request = z.output<typeof Request>;

export const Answer = z.object({
  id: z.number(),
  value: z.json().optional(),
  error: z.object({ code: z.custom<ErrorCode>(), message: z.string(), next: z.string().optional() }).optional(),
});
export type Answer = z.output<typeof Answer>;
