/** Temporary directories that are gone when the test is. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir extends AsyncDisposable {
  path: string;
}

/** `await using dir = await tempDir();` in a test; in a `beforeAll`, remove it with `dir[Symbol.asyncDispose]()`. */
export async function tempDir(): Promise<TempDir> {
  // The short name leaves room for a socket below it: the path of a socket must fit in about 100 bytes.
  const path = await realpath(await mkdtemp(join(tmpdir(), 't-')));
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) };
}
