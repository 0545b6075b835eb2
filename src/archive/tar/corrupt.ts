/** The error for an archive that cannot be read to its end. */
import { AutopilotError } from '#kernel/errors.ts';

export function corrupt(what: string): AutopilotError {
  return new AutopilotError('HA_SET_CORRUPT', what);
}
