/** Waits for whoever has the repository for himself. What a process that is gone has left of a lock holds nobody up. */
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Repository } from './access.ts';
import { isAboutLock } from './errors.ts';
import { output } from './run.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

export async function unlessLocked<T>(repository: Repository, work: () => Promise<T>): Promise<T> {
  const { tools } = repository;
  const deadline = performance.now() + milliseconds(tools.config.patience);
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isAboutLock(error) || performance.now() >= deadline) throw error;
      tools.progress({ note: 'waits for the lock of the repository' });
      tools.log.info('somebody has the repository locked; it is waited for', { reason: error.message });
      await removeStaleLocks(repository);
      await pause(Math.min(wait, deadline - performance.now()), tools.signal);
    }
  }
}

/** Once more when no living process had the lock. */
export async function unlessLockedByTheLiving<T>(repository: Repository, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isAboutLock(error)) throw error;
    await removeStaleLocks(repository);
    return await work();
  }
}

/** restic itself judges which are: those of dead processes of this machine, and those that nobody refreshed for long. */
async function removeStaleLocks(repository: Repository): Promise<void> {
  try {
    for await (const _ of output(repository, ['unlock'])) continue;
  } catch (error) {
    repository.tools.signal.throwIfAborted();
    if (!(error instanceof AutopilotError)) throw error;
    repository.tools.log.debug('stale locks could not be looked for', { reason: error.message });
  }
}
