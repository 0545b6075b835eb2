/** Pins and the time of the last verification: the tags of small snapshots of their own. */
import type { Which } from '#sdk/remote/layout.ts';
import type { Repository } from './access.ts';
import { restic } from './command.ts';
import { requireHeld } from './sets.ts';
import { type NoteFacts, noteTags } from './tags.ts';

export async function annotateSet(
  repository: Repository,
  { verifiedAt, pinned, ...which }: Which & { verifiedAt?: string | undefined; pinned?: boolean | undefined },
): Promise<Record<string, never>> {
  const { copy, annotations } = await requireHeld(repository, which);
  const isKnown =
    (verifiedAt ?? annotations.verifiedAt) === annotations.verifiedAt &&
    (pinned ?? annotations.pinned) === annotations.pinned;
  if (isKnown) return {};
  await writeNote(repository, {
    ...which,
    copy: copy.id,
    ...(verifiedAt === undefined ? {} : { verified: verifiedAt }),
    ...(pinned === undefined ? {} : { pinned: pinned ? 'yes' : 'no' }),
  });
  return {};
}

/**
 * `restic tag` would want the repository for itself: the first copy of a large service would hold up for hours what
 * others have to note of theirs. A new snapshot needs no more than any backup does, and servers that let nothing be
 * removed take it too.
 */
export async function writeNote(repository: Repository, facts: NoteFacts): Promise<void> {
  const tags = noteTags(facts).map((tag) => `--tag=${tag}`);
  const words = ['--stdin', '--stdin-filename=note.json', `--host=${repository.tools.host}`, ...tags];
  await restic(repository, ['backup', '--json', ...words], { input: `${JSON.stringify(facts)}\n` });
}
