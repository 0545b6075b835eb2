/** Removes sets, and what notes nobody needs any more; and frees their room as far as that is wanted. */
import { checkedName, type Which } from '#sdk/remote/layout.ts';
import type { Repository } from './access.ts';
import { writeNote } from './annotate.ts';
import { restic } from './command.ts';
import { isAboutLock } from './errors.ts';
import { unlessLockedByTheLiving } from './lock.ts';
import { heldSets, isHidden } from './sets.ts';
import { type Copy, isAbout, type Note, type Ours, readOurs } from './snapshots.ts';

/** Only snapshots with all of our tags, and of this set of this service. */
export async function removeSet(repository: Repository, { service, set }: Which): Promise<{ removed: boolean }> {
  const name = checkedName(service);
  const ours = await readOurs(repository, {});
  const copies = ours.copies.filter(({ facts }) => facts.service === name && facts.set === set);
  const visible = copies.filter((copy) => !isHidden(ours.notes.filter((note) => isAbout(note, copy))));
  if (visible.length === 0) return { removed: false };
  const { on_remove: how } = repository.tools.config;
  const gone = how !== 'hide' && (await forgetIfFree(repository, uselessIn(ours, copies), { prune: how === 'prune' }));
  if (!gone) {
    for (const { id } of visible) await writeNote(repository, { service: name, set, copy: id, removed: 'yes' });
  }
  return { removed: true };
}

/**
 * Forgetting needs the repository for oneself, and who copies a large service has it for hours. It is not waited for:
 * a set that could not be forgotten is noted as removed, and forgotten together with the next one.
 */
export async function forgetIfFree(
  repository: Repository,
  ids: readonly string[],
  { prune }: { prune: boolean },
): Promise<boolean> {
  if (ids.length === 0) return true;
  const words = ['--quiet', ...(prune ? ['--prune', ...PRUNE_LIMITS] : []), '--', ...ids];
  try {
    await unlessLockedByTheLiving(repository, () => restic(repository, ['forget', ...words], { patient: false }));
    return true;
  } catch (error) {
    if (!isAboutLock(error)) throw error;
    repository.tools.log.info('somebody works on the repository: room is freed with the next removal', {
      reason: error.message,
    });
    return false;
  }
}

/**
 * Files of the repository in which nothing is needed any more go at once; one of which a part is needed is written
 * anew, with all its traffic, only when such parts make up a tenth, and a gigabyte at a time.
 */
export const PRUNE_LIMITS = ['--max-unused=10%', '--max-repack-size=1G'];

/** These copies, all that were noted as removed, and the notes that say nothing of what is left. */
function uselessIn(ours: Ours, copies: readonly Copy[]): string[] {
  const left: Ours = { ...ours, copies: ours.copies.filter((copy) => !copies.includes(copy)) };
  const kept = new Set(heldSets(left).map(({ copy }) => copy));
  const hidden = left.copies.filter((copy) => isHidden(ours.notes.filter((note) => isAbout(note, copy))));
  const needed = new Set([...kept].flatMap((copy) => neededNotes(ours.notes.filter((note) => isAbout(note, copy)))));
  const notes = ours.notes.filter((note) => !needed.has(note));
  return [...copies, ...hidden, ...notes].map(({ id }) => id);
}

function neededNotes(about: readonly Note[]): (Note | undefined)[] {
  return [
    about.findLast(({ facts }) => facts.verified !== undefined),
    about.findLast(({ facts }) => facts.pinned !== undefined),
  ];
}
