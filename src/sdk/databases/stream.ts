/** Streams a dump through zstd into a file of the set, and back out of it, looking at what goes by. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { faultPoint } from '#kernel/fault.ts';
import type { Argv, Child, SpawnOptions, Tools } from '#sdk/tools.ts';

export type StreamTools = Pick<Tools, 'spawn' | 'signal' | 'progress'>;

export interface Command {
  argv: Argv;
  env?: Record<string, string>;
  cwd?: string;
}

export interface Written {
  bytes: number;
  sha256: string;
}

export interface DumpFile {
  path: string;
  /** zstd level. */
  level: number;
  /** Whether a small change of the data is to change little of the file. */
  shareable: boolean;
  timeoutMs: number;
}

/** What a dump must look like; told of every piece that goes by. */
export interface Watch {
  piece(bytes: Buffer): void;
}

/**
 * Runs a command and keeps what it prints. Fails as the command does; what is in the file is no dump then.
 * @param before a text that comes first.
 */
export async function dumpTo(
  tools: StreamTools,
  command: Command,
  file: DumpFile,
  { watch, before = '' }: { watch: Watch; before?: string },
): Promise<Written> {
  const child = tools.spawn(command.argv, { ...spawnOptions(command), stdout: 'pipe', timeoutMs: file.timeoutMs });
  const pieces = (async function* () {
    if (before !== '') yield Buffer.from(before);
    yield* readable(child.stdout);
  })();
  return await writeTo(tools, file, { pieces, watch, source: child });
}

/** What a command prints, which is not much, and not for logs. */
export async function printed(
  tools: StreamTools,
  command: Command,
  { timeoutMs }: { timeoutMs: number },
): Promise<string> {
  const child = tools.spawn(command.argv, { ...spawnOptions(command), stdout: 'pipe', timeoutMs });
  const [pieces] = await Promise.all([Array.fromAsync(readable(child.stdout)), child.done]);
  return Buffer.concat(pieces).toString('utf8');
}

interface Source {
  pieces: AsyncIterable<Buffer>;
  watch: Watch;
  /** Ends with the last piece. */
  source?: Child;
}

/** Keeps what comes in pieces. It is on the disk when this ends. */
export async function writeTo(
  tools: StreamTools,
  { path, level, shareable }: DumpFile,
  { pieces, watch, source }: Source,
): Promise<Written> {
  await using file = await open(path, 'w', 0o600);
  const packing: Argv = ['zstd', '--quiet', '-T0', `-${level}`, ...(shareable ? ['--rsyncable'] : []), '--stdout'];
  const zstd = tools.spawn(packing, { stdin: 'pipe', stdout: file.fd });
  const written = { bytes: 0, sha256: '' };
  const feeding = feed(tools, { pieces, watch, to: zstd.stdin }, written);
  const [fed, dumped, packed] = await Promise.allSettled([
    feeding,
    (source?.done ?? feeding).catch((error: unknown) => {
      zstd.kill();
      throw error;
    }),
    zstd.done.catch((error: unknown) => {
      source?.kill();
      throw error;
    }),
  ]);
  tools.signal.throwIfAborted();
  // The one that failed first is the reason; the other was ended because of it.
  if (dumped.status === 'rejected' && packed.status === 'rejected') throw reasonOf(dumped.reason, packed.reason);
  for (const end of [dumped, packed, fed]) if (end.status === 'rejected') throw end.reason;
  await file.sync();
  return written;
}

/** A child that we stopped says so; the other one has the reason. */
function reasonOf(first: unknown, second: unknown): unknown {
  const stopped = first instanceof Error && 'code' in first && first.code === 'HA_CANCELLED';
  return stopped ? second : first;
}

async function feed(
  tools: StreamTools,
  { pieces, watch, to }: { pieces: AsyncIterable<Buffer>; watch: Watch; to: Writable | null },
  written: Written,
): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const piece of pieces) {
      tools.signal.throwIfAborted();
      hash.update(piece);
      watch.piece(piece);
      written.bytes += piece.length;
      tools.progress({ bytes: written.bytes });
      await write(to, piece);
      faultPoint('capture.middle');
    }
    written.sha256 = hash.digest('hex');
  } finally {
    to?.end();
  }
}

/** Unpacks a dump into the input of a command, between two texts of ours. Fails as the command does. */
export async function loadInto(
  tools: StreamTools,
  command: Command,
  { path, timeoutMs, before = '', after = '' }: { path: string; timeoutMs: number; before?: string; after?: string },
): Promise<void> {
  const child = tools.spawn(command.argv, { ...spawnOptions(command), stdin: 'pipe', timeoutMs });
  const zstd = tools.spawn(unpacked(path), { stdout: 'pipe' });
  const feeding = (async () => {
    if (before !== '') await write(child.stdin, Buffer.from(before));
    let bytes = 0;
    for await (const piece of readable(zstd.stdout)) {
      tools.signal.throwIfAborted();
      tools.progress({ bytes: (bytes += piece.length) });
      await write(child.stdin, piece);
    }
    // Cut short, it must not come to the words that make it count.
    await zstd.done;
    if (after !== '') await write(child.stdin, Buffer.from(after));
    child.stdin?.end();
  })();
  const [ended, fed] = await Promise.allSettled([
    child.done.finally(() => zstd.kill()),
    feeding.catch((error: unknown) => {
      child.kill();
      throw error;
    }),
  ]);
  tools.signal.throwIfAborted();
  if (ended.status === 'rejected' && fed.status === 'rejected') throw reasonOf(ended.reason, fed.reason);
  for (const end of [ended, fed]) if (end.status === 'rejected') throw end.reason;
}

/** Unpacks a dump into a file, which is on the disk when this ends. */
export async function unpackTo(
  tools: StreamTools,
  path: string,
  to: { file: FileHandle; timeoutMs: number },
): Promise<void> {
  const { file, timeoutMs } = to;
  await tools.spawn(unpacked(path), { stdout: file.fd, timeoutMs }).done;
  await file.sync();
}

/** Prints what a file of zstd holds. */
export function unpacked(path: string): Argv {
  return ['zstd', '--decompress', '--quiet', '--stdout', '--', path];
}

function spawnOptions({ env, cwd }: Command): SpawnOptions {
  return { ...(env === undefined ? {} : { env }), ...(cwd === undefined ? {} : { cwd }) };
}

function readable(stream: Readable | null): AsyncIterable<Buffer> {
  return stream ?? none();
}

async function* none(): AsyncGenerator<Buffer> {}

/** Waits when the reader is slow. When it is gone this ends as well: its own end tells why. */
async function write(stream: Writable | null, bytes: Buffer): Promise<void> {
  if (stream === null || stream.destroyed || stream.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
