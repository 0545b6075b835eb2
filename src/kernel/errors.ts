/** Every error a user may meet, with what the engine does about it. */
import { constants } from 'node:os';

/** `retry`: the world may be better in a moment, the engine tries again. `never`: trying again changes nothing. */
export type Consequence = 'retry' | 'never';

/** The table decides, no call site does. `docs/reference/errors.md` lists the same codes (a test compares). */
export const errorCodes = {
  HA_USAGE: 'never',
  HA_CONFIG_INVALID: 'never',
  HA_CONFIG_UNREADABLE: 'never',
  HA_SECRET_UNAVAILABLE: 'never',
  HA_NOT_FOUND: 'never',
  HA_CONFLICT: 'never',
  HA_PLUGIN_INVALID: 'never',
  HA_TOOL_MISSING: 'never',
  HA_REDIS_UNREACHABLE: 'retry',
  HA_REDIS_UNSUITABLE: 'never',
  HA_NO_CONTROLLER: 'retry',
  HA_CONTROLLER_RUNNING: 'never',
  HA_STATE_UNUSABLE: 'never',
  HA_COMMAND_FAILED: 'retry',
  HA_COMMAND_TIMEOUT: 'retry',
  HA_STEP_TIMEOUT: 'retry',
  HA_CANCELLED: 'never',
  HA_NO_WORKER: 'never',
  HA_LOCK_LOST: 'retry',
  HA_CHECK_FAILED: 'never',
  HA_REMOTE_UNREACHABLE: 'retry',
  HA_REMOTE_REFUSED: 'never',
  HA_SOURCE_MISSING: 'never',
  HA_SOURCE_UNREADABLE: 'never',
  HA_DESTINATION_UNUSABLE: 'never',
  HA_NO_SPACE: 'never',
  HA_SET_CORRUPT: 'never',
  HA_DUMP_INVALID: 'never',
  HA_SET_UNSAFE: 'never',
  HA_RESTORE_REFUSED: 'never',
  HA_OUTCOME_UNKNOWN: 'never',
  HA_BAD_OUTPUT: 'never',
  HA_INTERNAL: 'retry',
} as const satisfies Record<string, Consequence>;

export type ErrorCode = keyof typeof errorCodes;

/** What crosses a process boundary, is stored in history and printed: never a stack, never a secret. */
export interface ErrorFacts {
  code: ErrorCode;
  message: string;
  /** What the user can type or change now. */
  next?: string;
}

/**
 * The one error class of the product. The message names the thing and the place; `next` says what to do about it.
 */
export class AutopilotError extends Error {
  override readonly name = 'AutopilotError';
  readonly code: ErrorCode;
  readonly next: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; next?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next;
  }

  get retryable(): boolean {
    return errorCodes[this.code] === 'retry';
  }
}

/** Turns anything thrown into facts that can be stored and shown. */
export function errorFacts(error: unknown): ErrorFacts {
  if (error instanceof AutopilotError) {
    return { code: error.code, message: error.message, ...(error.next === undefined ? {} : { next: error.next }) };
  }
  return { code: 'HA_INTERNAL', message: errorText(error) };
}

/** The message of anything thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOENT`, `EACCES` …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // Node has no name for a quota that is used up: it says "Unknown system error -122".
  if ('errno' in error && error.errno === -constants.errno.EDQUOT) return 'EDQUOT';
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
