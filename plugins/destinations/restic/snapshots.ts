/** The snapshots of a repository that are ours: sets, and notes of them. */
import { z } from 'zod';
import type { Argv } from '#sdk/tools.ts';
import type { Repository } from './access.ts';
import { restic } from './command.ts';
import { NOTE_TAG, type NoteFacts, noteFactsIn, SET_TAG, type SetFacts, setFactsIn, which } from './tags.ts';

const Snapshots = z
  .array(
    z.object({
      id: z.string().regex(/^[0-9a-f]{64}$/),
      time: z.string().transform((text) => Date.parse(text)),
      hostname: z.string(),
      /** Which one it was before somebody changed its tags, or copied it here. */
      original: z.string().optional(),
      tags: z.array(z.string()).nullish(),
    }),
  )
  .nullable();
type Snapshot = NonNullable<z.output<typeof Snapshots>>[number];

export interface Copy extends Pick<Snapshot, 'id' | 'time' | 'hostname' | 'original'> {
  facts: SetFacts;
}

export interface Note extends Pick<Snapshot, 'id' | 'time'> {
  facts: NoteFacts;
}

export interface Ours {
  /** Newest first. */
  copies: Copy[];
  /** Oldest first. */
  notes: Note[];
  unreadable: { path: string; reason: string }[];
}

/** One question, whatever there is: nothing of a set itself is read. */
export async function readOurs(
  repository: Repository,
  wanted: { service?: string | undefined; set?: string | undefined },
  options: { patient?: boolean } = {},
): Promise<Ours> {
  const tags = [SET_TAG, NOTE_TAG].map((kind) => `--tag=${[kind, ...which(wanted)].join(',')}`);
  const words: Argv = ['snapshots', '--json', ...tags];
  const found = Snapshots.parse(JSON.parse(await restic(repository, words, options))) ?? [];
  const ours: Ours = { copies: [], notes: [], unreadable: [] };
  for (const snapshot of found.toSorted((a, b) => a.time - b.time)) {
    const tagged = snapshot.tags ?? [];
    const facts = setFactsIn(tagged);
    const note = noteFactsIn(tagged);
    if (facts !== undefined) ours.copies.unshift({ ...snapshot, facts });
    else if (note !== undefined) ours.notes.push({ ...snapshot, facts: note });
    else if (tagged.includes(SET_TAG)) {
      ours.unreadable.push({ path: `snapshot ${snapshot.id.slice(0, 8)}`, reason: 'its tags are not those of a set' });
    }
  }
  return ours;
}

/** Which snapshot a note is about. A changed tag gives a snapshot another id. */
export function isAbout({ facts }: Note, { id, original }: Copy): boolean {
  return facts.copy === id || facts.copy === original;
}
