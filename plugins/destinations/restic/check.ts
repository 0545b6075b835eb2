/** The repository as a whole: whether it is there, opens with the password, can be written to, and what takes its room. */
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { realPathOf, requireApart } from '#sdk/apart.ts';
import { type Repository, withoutLock } from './access.ts';
import { isAboutLock } from './errors.ts';
import { isHidden } from './sets.ts';
import { isAbout, type Ours, readOurs } from './snapshots.ts';

/** It is never made: a mistyped path would be a new repository, and a missing one may be a disk that is away. */
export async function checkRepository(
  repository: Repository,
  sources: readonly string[],
): Promise<{ freeBytes: number | null; detail: string }> {
  const { name, config } = repository.tools;
  const path = config.repository;
  if (path.startsWith('/')) await requireApart({ name, path, realPath: await realPathOf(path) }, sources);
  await requireLockable(repository);
  const { ours, trouble } = await lookThrough(repository);
  const details = [path, ...trouble, ...hiddenIn(ours)];
  return { freeBytes: path.startsWith('/') ? await freeAt(path) : null, detail: details.join('; ') };
}

/** Every change begins with a lock. Of a directory it is known at once, where restic would try for most of a minute. */
export async function requireLockable({ tools: { name, config } }: Repository): Promise<void> {
  if (!config.repository.startsWith('/')) return;
  try {
    await access(join(config.repository, 'locks'), constants.W_OK);
  } catch (error) {
    // Of what is not there restic itself tells.
    if (!/^(EROFS|EACCES)$/.test(systemCode(error) ?? '')) return;
    const told = `${name}: ${config.repository} is read-only for this user (${systemCode(error)})`;
    throw new AutopilotError('HA_DESTINATION_UNUSABLE', told, {
      cause: error,
      next: 'give it the right to write there',
    });
  }
}

/** restic writes a lock and removes it again, so the look also shows that it may write. */
async function lookThrough(repository: Repository): Promise<{ ours: Ours; trouble: string[] }> {
  try {
    return { ours: await readOurs(repository, {}, { patient: false }), trouble: [] };
  } catch (error) {
    if (!isAboutLock(error)) throw error;
    // Somebody tidies up there, which is no fault of the place.
    const reason = error.message.slice(error.message.indexOf('already locked'));
    return { ours: await readOurs(withoutLock(repository), {}), trouble: [`it is ${reason}`] };
  }
}

function hiddenIn({ copies, notes }: Ours): string[] {
  const hidden = copies.filter((copy) => isHidden(notes.filter((note) => isAbout(note, copy))));
  return hidden.length === 0 ? [] : [`sets that were removed and still take room: ${hidden.length}`];
}

async function freeAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
