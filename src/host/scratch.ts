/** Directories of a step's own, found again by its key, and gone when the step has ended. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { derivedId } from '#kernel/ids.ts';

export interface Scratch extends AsyncDisposable {
  /** A new empty directory that only we may read. */
  make(): Promise<string>;
}

/** What an execution that was killed has left under the same key is removed before the first directory is made. */
export function openScratch(stateDir: string, stepKey: string): Scratch {
  const root = join(stateDir, 'scratch', derivedId(stepKey));
  let ready: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    await rm(root, { recursive: true, force: true });
    await mkdir(root, { recursive: true, mode: 0o700 });
  }

  return {
    async make() {
      ready ??= prepare();
      await ready;
      return mkdtemp(join(root, 'step-'));
    },
    async [Symbol.asyncDispose]() {
      // A step that did its work has not failed because of this; its next execution tries again.
      await rm(root, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
    },
  };
}
