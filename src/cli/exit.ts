/** What the exit status of the command line means, and which error leads to which. */
import type { ErrorCode } from '#kernel/errors.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Every code that is not here means that what was asked for failed: 1. */
const STATUS_OF_CODE: Partial<Record<ErrorCode, ExitStatus>> = {
  HA_USAGE: EXIT.usage,
  HA_CONFIG_INVALID: EXIT.usage,
  HA_CONFIG_UNREADABLE: EXIT.usage,
  HA_SECRET_UNAVAILABLE: EXIT.usage,
  HA_PLUGIN_INVALID: EXIT.usage,
  HA_NOT_FOUND: EXIT.usage,
  HA_REDIS_UNSUITABLE: EXIT.usage,
  HA_REDIS_UNREACHABLE: EXIT.unreachable,
  HA_NO_CONTROLLER: EXIT.unreachable,
  // In this process only Ctrl-C cancels.
  HA_CANCELLED: EXIT.interrupted,
};

export function exitStatusOf(code: ErrorCode): ExitStatus {
  return STATUS_OF_CODE[code] ?? EXIT.failed;
}
