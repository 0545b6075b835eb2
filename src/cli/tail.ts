/** Reads the lines of a file that is still being written. */
import { open } from 'node:fs/promises';
import { systemCode } from '#kernel/errors.ts';

const CHUNK_BYTES = 64 * 1024;

export interface Tail {
  /** The whole lines that were written since the last call. */
  more(): Promise<string[]>;
}

/** A file that does not exist yet has no lines yet. */
export function tailOf(file: string): Tail {
  let position = 0;
  let rest = Buffer.alloc(0);
  return {
    async more() {
      const fresh = await bytesFrom(file, position);
      position += fresh.length;
      rest = Buffer.concat([rest, fresh]);
      const end = rest.lastIndexOf('\n') + 1;
      const text = rest.subarray(0, end).toString('utf8');
      rest = rest.subarray(end);
      return text === '' ? [] : text.slice(0, -1).split('\n');
    },
  };
}

async function bytesFrom(file: string, position: number): Promise<Buffer> {
  try {
    await using handle = await open(file, 'r');
    const chunks: Buffer[] = [];
    let at = position;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at);
      if (bytesRead === 0) return Buffer.concat(chunks);
      chunks.push(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
