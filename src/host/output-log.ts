/** What a command prints goes into the log of its step, within bounds: a log is read by people, and passes through Redis. */
import { basename } from 'node:path';
import { KEPT_BYTES, type TakeLine } from '#host/output.ts';
import type { Argv, Log } from '#sdk/tools.ts';

type Stream = 'stdout' | 'stderr';

/** Of each stream of a command. More than this would drive out of the stream of events what other runs tell. */
export const LOGGED_LINES = 2_000;
const LOGGED_CHARACTERS = 1 << 20;

export function lineLogger(argv: Argv, stream: Stream, log: Log): TakeLine {
  const command = basename(argv[0]);
  let lines = 0;
  let characters = 0;
  return (line) => {
    log.debug(line, { command, stream });
    lines += 1;
    characters += line.length;
    if (lines < LOGGED_LINES && characters < LOGGED_CHARACTERS) return true;
    log.warn(`${command} prints a lot: what follows of its ${stream} is not logged`, { command, stream });
    return false;
  };
}

/** Whoever reads the result must be able to learn that its beginning is missing. */
export function tellCut(argv: Argv, stream: Stream, log: Log): void {
  const command = basename(argv[0]);
  const kept = `${KEPT_BYTES >> 20} MiB`;
  log.warn(`${command} printed more than ${kept} on ${stream}; only the end of it was kept`, { command, stream });
}
