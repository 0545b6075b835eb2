/** Reads the index of a set once, before anything is written: what is restored, how large it is, and whether it is safe. */
import { indexedMember } from '#archive/index-line.ts';
import { readIndex } from '#archive/manifest.ts';
import { isWithin, parentOf, type RawPath } from '#archive/raw.ts';
import { createGuard } from '#archive/restore/guard.ts';
import { createNameSet } from '#archive/restore/name-set.ts';
import type { Target } from '#archive/restore/targets.ts';
import { selector } from '#archive/select.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface RestorePlan {
  files: number;
  bytes: number;
  /** Bytes by the root of the source. */
  bytesOf: Map<RawPath, number>;
  /** Whether the set has an entry of this name. */
  has(name: RawPath): boolean;
  /** The names to restore, or null for all of them. */
  chosen: Set<RawPath> | null;
  /** The chosen ones, and what they need: directories above them, files that they are hard links to. */
  needed: Set<RawPath> | null;
  /** Files that are needed only as the other end of a hard link, and are not put in place. */
  extra: RawPath[];
}

export async function planRestore(
  directory: string,
  targets: readonly Target[],
  only: readonly string[] | undefined,
): Promise<RestorePlan> {
  const roots = targets.map(({ root }) => root);
  const guard = createGuard(roots);
  const names = createNameSet();
  const selected = only === undefined ? undefined : selector(only, roots);
  const plan = { files: 0, bytes: 0, bytesOf: new Map<RawPath, number>(), links: new Map<RawPath, RawPath>() };
  const chosen = new Set<RawPath>();
  for await (const line of readIndex(directory)) {
    const member = indexedMember(line);
    guard(member);
    names.add(member.name);
    if (selected !== undefined) {
      if (member.type === 'hardlink' && member.link !== null) plan.links.set(member.name, member.link);
      if (!selected(member)) continue;
      chosen.add(member.name);
    }
    count(plan, member, roots);
  }
  if (only !== undefined && chosen.size === 0) {
    throw new AutopilotError('HA_NOT_FOUND', `no file of the set matches ${only.join(', ')}`, {
      next: 'list them with  homelab-autopilot backups files ID',
    });
  }
  const { files, bytes, bytesOf } = plan;
  if (only === undefined) return { files, bytes, bytesOf, has: names.has, chosen: null, needed: null, extra: [] };
  const extra = linkTargets(chosen, plan.links);
  for (const name of extra) {
    const root = roots.find((one) => isWithin(name, one));
    if (root !== undefined && !bytesOf.has(root)) bytesOf.set(root, 0);
  }
  return { files, bytes, bytesOf, has: names.has, chosen, needed: withParents([...chosen, ...extra], roots), extra };
}

function count(
  plan: Pick<RestorePlan, 'files' | 'bytes' | 'bytesOf'>,
  member: TarMember,
  roots: readonly RawPath[],
): void {
  if (member.type !== 'directory') plan.files += 1;
  plan.bytes += member.size;
  const root = roots.find((one) => isWithin(member.name, one));
  if (root !== undefined) plan.bytesOf.set(root, (plan.bytesOf.get(root) ?? 0) + member.storedBytes);
}

function linkTargets(chosen: ReadonlySet<RawPath>, links: ReadonlyMap<RawPath, RawPath>): RawPath[] {
  const targets = new Set<RawPath>();
  for (const name of chosen) {
    const link = links.get(name);
    if (link !== undefined && !chosen.has(link)) targets.add(link);
  }
  return [...targets];
}

function withParents(names: readonly RawPath[], roots: readonly RawPath[]): Set<RawPath> {
  const all = new Set(names);
  for (const name of names) {
    for (let parent = parentOf(name); roots.some((root) => isWithin(parent, root)); parent = parentOf(parent)) {
      all.add(parent);
    }
  }
  return all;
}
