/** Small file systems in memory, to be full or to be in the way. Only the superuser can make them. */
import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { TestContext } from 'vitest';

export interface Mount extends AsyncDisposable {
  path: string;
}

/** Skips the test where nothing can be mounted: for an unprivileged user, or in a container without that right. */
export async function mountTmpfs(context: Pick<TestContext, 'skip'>, path: string, size: string): Promise<Mount> {
  await mkdir(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    context.skip('needs the right to mount a file system');
  }
  return { path, [Symbol.asyncDispose]: async () => void execFileSync('umount', [path]) };
}
