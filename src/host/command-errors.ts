/** How a command that went wrong is told: its name, how it ended, and the last lines of what it said. */

import { formatDuration } from '#kernel/duration.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import type { Argv } from '#sdk/tools.ts';

export type Exit = { code: number | null; signal: NodeJS.Signals | null } | { error: Error };

const TOLD_LINES = 3;
const TOLD_CHARACTERS = 600;

export function stopReason(reason: unknown, argv: Argv): AutopilotError {
  return reason instanceof AutopilotError ? reason : new AutopilotError('HA_CANCELLED', `${argv[0]} was stopped`);
}

export function tookTooLong(argv: Argv, timeoutMs: number): AutopilotError {
  const limit = formatDuration(timeoutMs);
  return new AutopilotError('HA_COMMAND_TIMEOUT', `${argv[0]} did not end within ${limit} and was stopped`, {
    next: 'find out what it waits for, or give it a longer timeout',
  });
}

export function startFailed(argv: Argv, exit: Exit, cwd: string | undefined): AutopilotError {
  const error = 'error' in exit ? exit.error : undefined;
  // The program itself was found before, so what is missing is the folder, or the interpreter of a script.
  const missing = systemCode(error) === 'ENOENT';
  const reason = missing ? `${cwd === undefined ? 'its interpreter' : cwd} does not exist` : errorText(error);
  return new AutopilotError('HA_COMMAND_FAILED', `${argv[0]} cannot be started: ${reason}`);
}

/** `stderr` comes masked as a whole, before lines are picked from it: a secret may span several. */
export function commandFailed(argv: Argv, exit: Exit, stderr: string): AutopilotError {
  const last = stderr.trimEnd().split('\n').slice(-TOLD_LINES).join('\n').slice(-TOLD_CHARACTERS).trim();
  return new AutopilotError('HA_COMMAND_FAILED', `${argv[0]} ${howItEnded(exit)}${last === '' ? '' : `: ${last}`}`);
}

function howItEnded(exit: Exit): string {
  if ('error' in exit) return `failed (${errorText(exit.error)})`;
  if (exit.signal === 'SIGKILL') return 'was killed by SIGKILL, perhaps because memory ran out';
  return exit.signal === null ? `failed with exit status ${exit.code}` : `was killed by ${exit.signal}`;
}
