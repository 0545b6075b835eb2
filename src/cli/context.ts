/** What a command gets handed in: the rooms behind it, the terminal in front of it, and the time. */
import type { Rooms } from '#cli/ports.ts';
import type { Style } from '#cli/render/style.ts';

export interface Terminal {
  /** Writes to standard output, where data goes. */
  write(text: string): void;
  /** Writes one line to standard error, where messages go. */
  tell(line: string): void;
  /** Whether standard output is a terminal that can be redrawn. */
  live: boolean;
  size(): { columns: number; rows: number };
  style: Style;
  /** Asks a yes-or-no question; null when there is nobody to ask. */
  ask: ((question: string) => Promise<boolean>) | null;
}

export interface Context {
  rooms: Rooms;
  terminal: Terminal;
  env: Readonly<Record<string, string | undefined>>;
  /** Fires on Ctrl-C or SIGTERM. */
  interrupted: AbortSignal;
  now(): Date;
}

/** Prints lines of text as data. */
export function printLines(context: Context, lines: readonly string[]): void {
  if (lines.length > 0) context.terminal.write(`${lines.join('\n')}\n`);
}

/** Prints the one JSON document of a call. */
export function printJson(context: Context, document: unknown): void {
  context.terminal.write(`${JSON.stringify(document, null, 2)}\n`);
}
