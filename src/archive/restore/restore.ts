/** Restores a set, whole or in part, to where it came from or to another directory. */
import { chmod, chown, rm, statfs, utimes } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { checkParts } from '#archive/checksum.ts';
import { type ReadableSet, readable } from '#archive/encryption/readable.ts';
import { indexedMember } from '#archive/index-line.ts';
import { readIndex } from '#archive/manifest.ts';
import { isWithin, type RawPath, rawBytes, rawFromText } from '#archive/raw.ts';
import { refuseConflicts, refuseMountsInside } from '#archive/restore/conflicts.ts';
import { extract } from '#archive/restore/extract.ts';
import { planRestore, type RestorePlan } from '#archive/restore/plan.ts';
import { placeChosen, recoverTarget, swapIn } from '#archive/restore/swap.ts';
import { existingParent, findTargets, isThere, makeView, removeWork, type Target } from '#archive/restore/targets.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { formatBytes, formatCount } from '#kernel/format.ts';
import type { Encryption } from '#sdk/encryption.ts';
import { SEALED_FILES, SET_FILES } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

export interface RestoreOptions {
  /** A directory below which the full paths are made. Default: the original places. */
  to?: string;
  /** Paths and globs of what to restore. Default: everything. */
  only?: readonly string[];
  /** Whether files may be destroyed that are newer than the set or that the set does not have. */
  overwrite: boolean;
  /** Files that stay as they are now, whatever the set holds: their absolute paths in it. */
  leave?: readonly string[];
}

/** A set of which nothing was read yet, and what may open it. */
export interface ClosedSet {
  directory: string;
  encryption: Pick<Encryption, 'identity'> | undefined;
}

export interface RestoreReport {
  files: number;
  bytes: number;
  /** Directories and files that were restored, as far as they are sources of the set. */
  targets: string[];
  summary: string;
}

/** Until everything is unpacked and found whole, nothing in the target changes. */
export async function restoreSet(
  tools: Tools,
  closed: ClosedSet | ReadableSet,
  options: RestoreOptions,
): Promise<RestoreReport> {
  if (options.to !== undefined && !isAbsolute(options.to)) {
    throw new AutopilotError('HA_USAGE', `${options.to} is not an absolute path`);
  }
  const set = await readTrusted(tools, closed);
  const { header } = set;
  const targets = await findTargets(header, options);
  const plan = await planRestore(set.facts, targets, options.only);
  const used = targets.filter(({ root }) => plan.bytesOf.has(root));
  for (const target of used) await recoverTarget(target);
  if (plan.chosen === null) await refuseMountsInside(used);
  if (!options.overwrite) await refuseConflicts(used, plan, new Date(header.createdAt));
  await requireSpace(used, plan);
  try {
    const view = join(await tools.scratch(), 'view');
    await makeView(view, used);
    await extract(tools, { set, view, roots: targets.map(({ root }) => root), plan });
    for (const target of used) await put(tools, { target, plan, facts: set.facts });
  } finally {
    await removeWork(used);
  }
  return reportOf(plan, used);
}

/**
 * Looks whether the trees of a set could be replaced now: nothing is mounted inside of them, there is room, and nothing
 * is destroyed that may not be.
 * @returns how many trees there are.
 */
export async function checkTargets(
  tools: Tools,
  closed: ClosedSet | ReadableSet,
  { overwrite }: Pick<RestoreOptions, 'overwrite'>,
): Promise<number> {
  const { header, facts } = await readTrusted(tools, closed);
  const targets = await findTargets(header, {});
  const plan = await planRestore(facts, targets, undefined);
  await refuseMountsInside(targets);
  if (!overwrite) await refuseConflicts(targets, plan, new Date(header.createdAt));
  await requireSpace(targets, plan);
  return targets.length;
}

async function readTrusted(tools: Tools, closed: ClosedSet | ReadableSet): Promise<ReadableSet> {
  const set = 'facts' in closed ? closed : await readable(tools, closed.directory, closed.encryption);
  const parts = [SET_FILES.manifest, ...(set.identity === null ? [] : [SEALED_FILES.manifest])];
  const [problem] = (await checkParts(set.directory, parts, { signal: tools.signal })).problems;
  if (problem === undefined) return set;
  throw new AutopilotError('HA_SET_CORRUPT', `${problem.part} of the set is damaged: ${problem.reason}`, {
    next: 'restore from another copy, or from another set',
  });
}

async function requireSpace(targets: readonly Target[], plan: RestorePlan): Promise<void> {
  const wanted = new Map<number, { path: string; bytes: number }>();
  for (const target of targets) {
    const place = target.isMount ? await existingParent(target.work) : await existingParent(target.path);
    const sum = wanted.get(place.dev)?.bytes ?? 0;
    wanted.set(place.dev, { path: place.path, bytes: sum + (plan.bytesOf.get(target.root) ?? 0) });
  }
  for (const { path, bytes } of wanted.values()) {
    const { bavail, bsize } = await statfs(path);
    if (bytes <= bavail * bsize) continue;
    const room = `${formatBytes(bavail * bsize)} free at ${path}, ${formatBytes(bytes)} needed`;
    throw new AutopilotError('HA_NO_SPACE', `not enough room for the restore: ${room}; nothing was changed`, {
      next: 'the old files stay until the new ones are in place; free some room, or restore with --to',
    });
  }
}

async function put(tools: Tools, job: { target: Target; plan: RestorePlan; facts: string }): Promise<void> {
  const { target, plan } = job;
  tools.signal.throwIfAborted();
  // Before the only other copy of the data on this machine goes, the new one must be on the disk.
  if (await isThere(target.path)) await tools.exec(['sync', '--file-system', target.work]);
  if (plan.chosen === null) {
    const attributes = target.isMount ? await rootAttributes(job.facts, target.root) : undefined;
    await swapIn(target);
    await attributes?.(target.path);
    return;
  }
  const fresh = rawFromText(target.fresh);
  for (const name of plan.extra) {
    if (isWithin(name, target.root)) await rm(rawBytes(`${fresh}${name.slice(target.root.length)}` as RawPath));
  }
  await placeChosen(fresh, rawFromText(target.path));
}

/** A mount point stays when its content is replaced, so it is given the mode, owner and time that the set has for it. */
async function rootAttributes(facts: string, root: RawPath): Promise<((path: string) => Promise<void>) | undefined> {
  for await (const line of readIndex(facts)) {
    const member = indexedMember(line);
    if (member.name !== root) continue;
    return async (path) => {
      if (process.getuid?.() === 0) await chown(path, member.uid, member.gid);
      await chmod(path, member.mode);
      await utimes(path, new Date(member.mtime), new Date(member.mtime));
    };
  }
  return undefined;
}

function reportOf(plan: RestorePlan, targets: readonly Target[]): RestoreReport {
  const paths = targets.map(({ path }) => path);
  const summary = `${formatCount(plan.files, 'file')} restored (${formatBytes(plan.bytes)}) to ${paths.join(', ')}`;
  return { files: plan.files, bytes: plan.bytes, targets: paths, summary };
}
