/** Keys that several kinds of probes have. */
import { z } from 'zod';
import { Duration } from '#sdk/duration.ts';
import { Route } from '#sdk/probes/route.ts';

export const timeout = Duration.default('10s').describe('How long one try may take');

/** Where the configuration says `true`, it is replaced by the way outside that is stated for all. */
export const external = z
  .union([z.boolean(), Route])
  .default(false)
  .describe('Ask from outside: true for the way of `monitoring.outside`, or a way of its own');

/** A name that becomes a word of a command line, so it never looks like an option. */
export const Word = z.string().regex(/^[^\s-]\S*$/, 'a name without spaces that does not begin with "-"');
