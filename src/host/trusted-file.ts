/** Plugins run with our rights, so nobody else may be able to change them. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const WRITABLE_BY_OTHERS = 0o002;

/**
 * Looks at the file and at each folder from it up to `root`: who may write to a folder may exchange what is in it.
 * @returns what is wrong, or `undefined`.
 */
export async function distrust(file: string, root: string): Promise<string | undefined> {
  for (let path = file; path.startsWith(root); path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      return `everyone on this machine may write to ${path}, so it is not loaded; run: chmod o-w ${path}`;
    }
    if (path === root) break;
  }
  return undefined;
}
