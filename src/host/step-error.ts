/** Gives whatever an action threw its place in the table of errors. */

import type { ErrorCode } from '#kernel/errors.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';

/** What the system says, where that decides what a user can do. */
const SYSTEM_CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ['ENOSPC', 'HA_NO_SPACE'],
  ['EDQUOT', 'HA_NO_SPACE'],
  ['ECONNREFUSED', 'HA_REMOTE_UNREACHABLE'],
  ['ECONNRESET', 'HA_REMOTE_UNREACHABLE'],
  ['EHOSTUNREACH', 'HA_REMOTE_UNREACHABLE'],
  ['ENETUNREACH', 'HA_REMOTE_UNREACHABLE'],
  ['ENOTFOUND', 'HA_REMOTE_UNREACHABLE'],
  ['EAI_AGAIN', 'HA_REMOTE_UNREACHABLE'],
  ['ETIMEDOUT', 'HA_REMOTE_UNREACHABLE'],
]);

/** When the signal fired, its reason is the error: what the action said on its way out is a consequence. */
export function stepError(error: unknown, signal: AbortSignal, key: string): AutopilotError {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return reason instanceof AutopilotError
      ? reason
      : new AutopilotError('HA_CANCELLED', `the step ${key} was stopped`);
  }
  if (error instanceof AutopilotError) return error;
  // `fetch` hides the reason in the cause.
  const cause = error instanceof Error && systemCode(error) === undefined ? error.cause : undefined;
  const code = SYSTEM_CODES.get(systemCode(error) ?? systemCode(cause) ?? '') ?? 'HA_INTERNAL';
  const detail = cause instanceof Error ? `${errorText(error)}: ${cause.message}` : errorText(error);
  return new AutopilotError(code, `the step ${key} failed: ${detail}`, { cause: error });
}
