/** Refuses members that would reach outside of what a set may restore: the tricks of crafted archives. */

import { isWithin, parentOf, type RawPath, rawLabel } from '#archive/raw.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { AutopilotError } from '#kernel/errors.ts';

/** To be asked about every member, in order. Throws HA_SET_UNSAFE. */
export type Guard = (member: Pick<TarMember, 'name' | 'type' | 'link'>) => void;

export function createGuard(roots: readonly RawPath[]): Guard {
  const symlinks = new Set<RawPath>();
  let checkedParent: RawPath | undefined;

  function throughSymlink(name: RawPath): boolean {
    if (symlinks.size === 0) return false;
    for (let parent = parentOf(name); parent !== ''; parent = parentOf(parent)) {
      if (symlinks.has(parent)) return true;
      if (parent === checkedParent) break;
    }
    return false;
  }

  return ({ name, type, link }) => {
    requirePlain(name, name);
    if (!roots.some((root) => isWithin(name, root))) throw unsafe(name, 'lies outside of the sources of the set');
    if (symlinks.has(name) || throughSymlink(name)) throw unsafe(name, 'would be written through a symlink of the set');
    checkedParent = parentOf(name);
    if (type === 'symlink') {
      symlinks.add(name);
      checkedParent = undefined;
    }
    if (type !== 'hardlink') return;
    requirePlain(link ?? ('' as RawPath), name);
    if (!roots.some((root) => isWithin(link ?? name, root))) throw unsafe(name, 'links to a file outside of the set');
    checkedParent = undefined;
    if (throughSymlink(link ?? name)) throw unsafe(name, 'links through a symlink of the set');
    if (symlinks.has(link ?? name)) symlinks.add(name);
  };
}

/** Relative, and no component that climbs or is empty. */
export function isPlainPath(path: RawPath): boolean {
  return (
    path !== '' && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

function requirePlain(path: RawPath, name: RawPath): void {
  if (!isPlainPath(path)) throw unsafe(name, `names ${JSON.stringify(rawLabel(path))}, which is not a plain path`);
}

function unsafe(name: RawPath, why: string): AutopilotError {
  return new AutopilotError('HA_SET_UNSAFE', `the member ${JSON.stringify(rawLabel(name))} of the archive ${why}`, {
    next: 'nothing was restored; do not trust this set, take another copy or another set',
  });
}
