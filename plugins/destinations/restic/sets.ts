/** Which sets a repository has: what its snapshots and the notes of them say together. */
import { AutopilotError } from '#kernel/errors.ts';
import type { SetSummary } from '#sdk/kinds/destination.ts';
import { checkedName, type Which } from '#sdk/remote/layout.ts';
import type { Annotations } from '#sdk/sets.ts';
import type { Repository } from './access.ts';
import { type Copy, isAbout, type Note, type Ours, readOurs } from './snapshots.ts';

export interface HeldSet {
  /** The newest: a reply that was lost may have left the same set twice, which counts as one. */
  copy: Copy;
  annotations: Annotations;
}

/** Newest first. */
export function heldSets({ copies, notes }: Ours): HeldSet[] {
  const held = new Map<string, HeldSet>();
  for (const copy of copies) {
    const name = `${copy.facts.service}/${copy.facts.set}`;
    const about = notes.filter((note) => isAbout(note, copy));
    if (held.has(name) || isHidden(about)) continue;
    held.set(name, { copy, annotations: annotationsIn(about) });
  }
  return [...held.values()];
}

export function isHidden(about: readonly Note[]): boolean {
  return about.some(({ facts }) => facts.removed === 'yes');
}

function annotationsIn(about: readonly Note[]): Annotations {
  return {
    verifiedAt: about.findLast(({ facts }) => facts.verified !== undefined)?.facts.verified ?? null,
    pinned: about.findLast(({ facts }) => facts.pinned !== undefined)?.facts.pinned === 'yes',
  };
}

export async function findSet(
  repository: Repository,
  { service, set }: Which,
  options: { patient?: boolean } = {},
): Promise<HeldSet | undefined> {
  return heldSets(await readOurs(repository, { service: checkedName(service), set }, options))[0];
}

export async function requireHeld(repository: Repository, { service, set }: Which): Promise<HeldSet> {
  const held = await findSet(repository, { service, set });
  if (held !== undefined) return held;
  const { name } = repository.tools;
  throw new AutopilotError('HA_NOT_FOUND', `${name} has no set ${set} of ${service}`, {
    next: `list what is there with  homelab-autopilot backups ${service} --destination ${name}`,
  });
}

export async function listSets(
  repository: Repository,
  { service }: { service?: string | undefined },
): Promise<{ sets: SetSummary[]; unreadable: Ours['unreadable'] }> {
  const ours = await readOurs(repository, service === undefined ? {} : { service: checkedName(service) });
  const sets = heldSets(ours).map(summaryOf);
  return { sets: sets.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1)), unreadable: ours.unreadable };
}

function summaryOf({ copy: { facts, hostname }, annotations }: HeldSet): SetSummary {
  return {
    id: facts.set,
    service: facts.service,
    host: hostname,
    run: facts.run,
    createdAt: facts.created,
    sizeBytes: facts.size,
    contentBytes: facts.content,
    files: facts.files,
    purpose: facts.purpose,
    ...annotations,
  };
}
