/** An error as the user reads it: what and where, and below it what can be done. */

import type { Style } from '#cli/render/style.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';

/** @param debug whether the developer's view, with stack and causes, is wanted too. */
export function errorLines(error: unknown, style: Style, debug: boolean): string[] {
  const known = error instanceof AutopilotError;
  const lines = [style('bad', known ? error.message : `unexpected error: ${errorText(error)}`)];
  if (known && error.next !== undefined) lines.push(...error.next.split('\n').map((line) => `  ${line}`));
  if (!known && !debug) {
    lines.push('  This is a fault of Homelab Autopilot. With HOMELAB_AUTOPILOT_DEBUG=1 the next try tells more.');
  }
  if (debug) lines.push(...stack(error).map((line) => `  ${style('quiet', line)}`));
  return lines;
}

function stack(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = (error.stack ?? String(error)).split('\n');
  return error.cause === undefined ? own : [...own, 'caused by:', ...stack(error.cause)];
}
