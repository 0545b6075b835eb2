/** Reads the data of a set: decrypted by age, where it is encrypted, decompressed by zstd, taken apart by our tar reader. */
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadableSet } from '#archive/encryption/readable.ts';
import { unpacking } from '#archive/encryption/unpacking.ts';
import { namedPipe } from '#archive/pipe.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import { readTar, type TarBatch } from '#archive/tar/reader.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { SEALED_FILES, SET_FILES } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

export type ReadTools = Pick<Tools, 'exec' | 'spawn' | 'scratch' | 'signal' | 'progress'>;

export interface ReadOptions {
  wantSpans?: boolean;
  /** Go on when only the checksum of the whole stream is wrong, for who has better ones: zstd keeps back the end then. */
  ignoreStreamChecksum?: boolean;
}

/**
 * Ends with HA_SET_CORRUPT when zstd or tar finds damage; all that was whole before it has been given by then.
 * What a batch holds is valid until the next one is asked for.
 */
export async function* readData(
  tools: ReadTools,
  { directory, identity }: Pick<ReadableSet, 'directory' | 'identity'>,
  options: ReadOptions = {},
): AsyncGenerator<TarBatch, void, undefined> {
  await using pipe = await namedPipe(tools);
  const path = await followed(join(directory, identity === null ? SET_FILES.data : SEALED_FILES.data));
  const check = options.ignoreStreamChecksum === true ? '--no-check' : '--check';
  const child = await unpacking(tools, { path, identity, check }, pipe.writer);
  let failure: unknown;
  const ended = child.done.catch((error: unknown) => {
    failure = error;
  });
  try {
    await pipe.handOver();
    yield* readTar(pipe.pieces(), options);
    await ended;
    if (failure !== undefined) throw failure;
  } catch (error) {
    tools.signal.throwIfAborted();
    if (pipe.atEnd()) await ended;
    // When the stream is cut short, the reason is what zstd says, not that the archive ends too early.
    throw damaged(failure ?? error);
  } finally {
    child.kill();
    await ended;
  }
}

/** zstd takes no links, and a set on a network share is opened as one. What it leads to is left to zstd to touch. */
async function followed(path: string): Promise<string> {
  return await readlink(path).catch(() => path);
}

function damaged(error: unknown): AutopilotError {
  if (!(error instanceof AutopilotError) || error.code !== 'HA_COMMAND_FAILED') {
    return error instanceof AutopilotError ? error : corrupt(errorText(error));
  }
  const unsealed = /age: error: (.*)/.exec(error.message)?.[1];
  if (unsealed !== undefined) return corrupt(`${SEALED_FILES.data} cannot be decrypted (${unsealed})`);
  const reason = /Decoding error[^:]*: (.*)|zstd: .*: (.*)/.exec(error.message)?.slice(1).find(Boolean);
  return corrupt(`${SET_FILES.data} cannot be decompressed (${reason ?? 'it is damaged'})`);
}
