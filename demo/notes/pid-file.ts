/** Which process serves a data directory: a file beside the directory, not in it, so that no backup carries it. */
import { readFileSync } from 'node:fs';

export function pidFileOf(data: string): string {
  return `${data}.pid`;
}

export function readPid(data: string): number | undefined {
  const pid = Number.parseInt(readOr(pidFileOf(data), ''), 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/**
 * The process that serves `data` now, if one does. A pid alone proves nothing, since pids are used again after a
 * crash; so its command line must name the directory. A process that has ended but was not yet reaped has none.
 */
export function runningPid(data: string): number | undefined {
  const pid = readPid(data);
  if (pid === undefined) return undefined;
  return readOr(`/proc/${pid}/cmdline`, '').split('\0').includes(data) ? pid : undefined;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
