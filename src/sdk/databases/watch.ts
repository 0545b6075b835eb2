/** Looks at a dump while it goes by: how it begins and ends, and how many tables it makes. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Watch } from '#sdk/databases/stream.ts';

const KEPT = 4096;

/** The beginning and the end of what went by. */
export interface Ends extends Watch {
  head(): Buffer;
  tail(): Buffer;
}

export function ends(): Ends {
  let head: Buffer = Buffer.alloc(0);
  let tail: Buffer = Buffer.alloc(0);
  return {
    piece(bytes) {
      if (head.length < KEPT) head = Buffer.concat([head, bytes.subarray(0, KEPT - head.length)]);
      tail = bytes.length >= KEPT ? Buffer.from(bytes.subarray(-KEPT)) : last(Buffer.concat([tail, bytes]));
    },
    head: () => head,
    tail: () => tail,
  };
}

function last(bytes: Buffer): Buffer {
  return bytes.length <= KEPT ? bytes : Buffer.from(bytes.subarray(-KEPT));
}

export interface SqlEnds extends Ends {
  /** Lines that make a table. Text in the data can look like one, so there may be more than tables, and never less. */
  tables(): number;
}

const LINE_BEGIN = 64;

export function sqlEnds(): SqlEnds {
  const both = ends();
  let tables = 0;
  let carry = '';
  return {
    ...both,
    piece(bytes) {
      both.piece(bytes);
      const text = carry + bytes.toString('latin1');
      const complete = text.lastIndexOf('\n') + 1;
      for (const _ of text.slice(0, complete).matchAll(/^CREATE (?:UNLOGGED )?TABLE /gm)) tables += 1;
      // Of a line of gigabytes the beginning is enough.
      carry = text.slice(complete, complete + LINE_BEGIN);
    },
    tables: () => tables,
  };
}

/** @throws AutopilotError HA_DUMP_INVALID */
export function requireWhole(what: string, { tail, tables }: SqlEnds, wanted: { mark: string; tables: number }): void {
  if (!tail().includes(wanted.mark)) throw invalidDump(what, 'it ends before its last line: it was cut short');
  if (tables() < wanted.tables) {
    throw invalidDump(what, `it has ${tables()} of the ${wanted.tables} tables that the server told of`);
  }
}

export function invalidDump(what: string, reason: string): AutopilotError {
  return new AutopilotError('HA_DUMP_INVALID', `the dump of ${what} is not whole: ${reason}`, {
    next: 'look at the log of the database server, then run it again; older backups are untouched',
  });
}
