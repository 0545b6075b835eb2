/** What a command prints, within bounds: its last part is kept, and its lines are handed on one by one while they are wanted. */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** As much of each stream is kept. */
export const KEPT_BYTES = 1024 * 1024;

/** Of a longer line the rest is left out, so that output without line ends does not fill the memory. */
const LONGEST_LINE = 16 * 1024;

/** Takes one line. `false`: it wants no more of them, so that they are not even looked for. */
export type TakeLine = (line: string) => boolean;

export interface Capture {
  /** The last KEPT_BYTES so far, as text. */
  text(): string;
  /** Whether there was more than is kept. */
  isCut(): boolean;
  /** Aborted when the stream has come to its end. */
  ended: AbortSignal;
  /** Listens no longer. */
  stop(): void;
}

/** Reads a stream to its end. */
export function capture(stream: Readable, onLine: TakeLine): Capture {
  const chunks: Buffer[] = [];
  const lines = lineSplitter(onLine);
  const ended = new AbortController();
  let kept = 0;
  let printed = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    kept += chunk.length;
    printed += chunk.length;
    for (let first = chunks[0]; first !== undefined && kept - first.length >= KEPT_BYTES; first = chunks[0]) {
      chunks.shift();
      kept -= first.length;
    }
    lines.write(chunk);
  });
  stream.once('close', () => {
    lines.end();
    ended.abort();
  });
  // A broken pipe ends the stream, and nothing more: why the command ended is told by its status.
  stream.on('error', () => stream.destroy());
  return {
    text: () => Buffer.concat(chunks).subarray(-KEPT_BYTES).toString(),
    isCut: () => printed > KEPT_BYTES,
    ended: ended.signal,
    stop: () => stream.destroy(),
  };
}

/** For a stream that is not there. */
export function captureNothing(): Capture {
  return { text: () => '', isCut: () => false, ended: AbortSignal.abort(), stop: () => undefined };
}

function lineSplitter(onLine: TakeLine): { write(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let open = '';
  let skipping = false;
  let wanted = true;

  function finish(rest: string): void {
    const line = (open + rest).replace(/\r$/, '');
    if (!skipping && wanted) wanted = onLine(line);
    open = '';
    skipping = false;
  }

  function write(text: string): void {
    const parts = text.split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) finish(part);
    if (skipping) return;
    open += last;
    if (open.length > LONGEST_LINE) {
      finish('');
      skipping = true;
    }
  }

  return {
    write: (chunk) => {
      if (wanted) write(decoder.write(chunk));
    },
    end: () => {
      if (open !== '') finish('');
    },
  };
}
