/** Files that survive a power cut: written, flushed, and only then given their name. */
import { open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Flushes a file or a directory (the names in it) to the disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames and flushes both ends, so that after a power cut the new name is there or the old one is. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await flush(dirname(to));
}

/** Writes a file that only its owner can read, and flushes it. */
export async function writeFlushed(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600, flush: true });
}
