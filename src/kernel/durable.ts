/** Files that survive a power cut: written, flushed, and only then given their name. */
import { open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Flushes a file or a directory (the names in it) to the disk. */
export async function flush(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}

/** Renames and flushes the directory, so that after a power cut the new name is there or the old one is. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await flush(dirname(to));
}

/** Writes a file that only its owner can read, and flushes it. */
export async function writeFlushed(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600, flush: true });
}

/** Old content or new, and never a half. For a directory of our own: the draft lies beside it, named `<path>.new`. */
export async function replaceDurably(path: string, content: string): Promise<void> {
  await writeFlushed(`${path}.new`, content);
  await renameDurably(`${path}.new`, path);
}
