/** Finds what a restore would destroy: files that are newer than the set, or that the set does not have. */
import { lstat } from 'node:fs/promises';
import { isWithin, joinRaw, type RawPath, rawBytes, rawFromText, rawLabel, relativeTo } from '#archive/raw.ts';
import type { RestorePlan } from '#archive/restore/plan.ts';
import { isThere, lstatIfThere, type Target } from '#archive/restore/targets.ts';
import { absolute, walk } from '#archive/walk.ts';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { formatCount } from '#kernel/format.ts';
import { isBelow, mountPoints } from '#sdk/mounts.ts';

const NAMED = 5;

interface Conflicts {
  newer: string[];
  unknown: string[];
}

/** Fails with HA_RESTORE_REFUSED, naming the files. `createdAt` is when the set was captured. */
export async function refuseConflicts(targets: readonly Target[], plan: RestorePlan, createdAt: Date): Promise<void> {
  const found: Conflicts = { newer: [], unknown: [] };
  for (const target of targets) {
    if (!(await isThere(target.path))) continue;
    if (plan.chosen === null) await inTree(target, { plan, createdAt, found });
    else await amongChosen(target, { chosen: plan.chosen, createdAt, found });
  }
  const parts = [told(found.newer, 'newer than the set'), told(found.unknown, 'not in the set')].filter(Boolean);
  if (parts.length === 0) return;
  throw new AutopilotError('HA_RESTORE_REFUSED', `the restore would destroy ${parts.join(', and ')}`, {
    next: 'restore to another place with --to, or add --overwrite',
  });
}

/** A tree with something mounted in it cannot be replaced as a whole. */
export async function refuseMountsInside(targets: readonly Target[]): Promise<void> {
  const mounts = await mountPoints();
  for (const { path } of targets) {
    const inside = mounts.find((mount) => mount !== path && isBelow(mount, path));
    if (inside === undefined) continue;
    throw new AutopilotError('HA_RESTORE_REFUSED', `${inside} is mounted inside of ${path}, which is to be replaced`, {
      next: 'unmount it first, restore to another place with --to, or name files with --only',
    });
  }
}

async function inTree(
  { path, root, exclude }: Target,
  { plan, createdAt, found }: { plan: RestorePlan; createdAt: Date; found: Conflicts },
): Promise<void> {
  const base = rawFromText(path.slice(1));
  for await (const { name, type } of walk({ path, realPath: path, root: base, exclude })) {
    if (type === 'directory' || type === 'socket') continue;
    const inSet = name === base ? root : joinRaw(root, relativeTo(name, base));
    if (!plan.has(inSet)) found.unknown.push(`/${rawLabel(name)}`);
    else if (await isNewer(name, createdAt)) found.newer.push(`/${rawLabel(name)}`);
  }
}

async function amongChosen(
  { path, root }: Target,
  { chosen, createdAt, found }: { chosen: Set<RawPath>; createdAt: Date; found: Conflicts },
): Promise<void> {
  const base = rawFromText(path.slice(1));
  for (const name of chosen) {
    if (!isWithin(name, root)) continue;
    const there = name === root ? base : joinRaw(base, relativeTo(name, root));
    const stats = await lstatIfThere(rawBytes(absolute(there)));
    if (stats === undefined || stats.isDirectory()) continue;
    if (stats.mtimeMs > createdAt.getTime()) found.newer.push(`/${rawLabel(there)}`);
  }
}

async function isNewer(name: RawPath, createdAt: Date): Promise<boolean> {
  try {
    return (await lstat(rawBytes(absolute(name)))).mtimeMs > createdAt.getTime();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function told(paths: readonly string[], what: string): string {
  if (paths.length === 0) return '';
  const more = paths.length > NAMED ? ' …' : '';
  return `${formatCount(paths.length, 'file')} ${what} (${paths.slice(0, NAMED).join(', ')}${more})`;
}
