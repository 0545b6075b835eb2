/** A pipe between a child and us that is read into two buffers again and again. */
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '#kernel/ids.ts';
import type { Tools } from '#sdk/tools.ts';

export interface NamedPipe extends AsyncDisposable {
  /** For the child's standard output. Closed by `handOver` once the child has it. */
  writer: number;
  handOver(): Promise<void>;
  /** What the child writes. A piece is valid until the next but one is asked for. */
  pieces(): AsyncGenerator<Buffer, void, undefined>;
  /** Whether all that the child wrote has been read. */
  atEnd(): boolean;
}

/** What a Linux pipe holds. */
const PIECE = 64 << 10;

/**
 * Why not `child.stdout`: Node gives every piece a buffer of its own, and with gigabytes of them the garbage alone
 * takes 70 MB before it is collected. This takes 128 KiB.
 */
export async function namedPipe(tools: Pick<Tools, 'exec' | 'scratch'>): Promise<NamedPipe> {
  const { reader, writer } = await openPipe(tools);
  const state = { handed: false, atEnd: false };
  const handOver = async () => {
    if (!state.handed) await writer.close();
    state.handed = true;
  };
  return {
    writer: writer.fd,
    handOver,
    pieces: () => readPieces(reader, state),
    atEnd: () => state.atEnd,
    async [Symbol.asyncDispose]() {
      await handOver();
      await reader.close();
    },
  };
}

/** The two ends of a pipe. Two children that get one each are joined without passing through us. */
export async function openPipe(
  tools: Pick<Tools, 'exec' | 'scratch'>,
): Promise<{ reader: FileHandle; writer: FileHandle }> {
  const path = join(await tools.scratch(), `pipe-${newId()}`);
  await tools.exec(['mkfifo', '-m', '600', path]);
  // A reader that does not wait for a writer, so that the writer need not wait for a reader.
  const first = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = await open(path, constants.O_WRONLY);
  const reader = await open(path, constants.O_RDONLY);
  await first.close();
  await rm(path);
  return { reader, writer };
}

/** While one piece is worked on, the next one is read. */
async function* readPieces(reader: FileHandle, state: { atEnd: boolean }): AsyncGenerator<Buffer, void, undefined> {
  const buffers = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)] as const;
  let reading = reader.read(buffers[0], 0, PIECE, null);
  try {
    for (let turn = 0; ; turn ^= 1) {
      const { bytesRead, buffer } = await reading;
      state.atEnd = bytesRead === 0;
      if (state.atEnd) return;
      reading = reader.read(buffers[turn === 0 ? 1 : 0], 0, PIECE, null);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await reading.catch(() => undefined);
  }
}
