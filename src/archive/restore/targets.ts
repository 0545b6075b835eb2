/** Where each source of a set is restored to, and where it is unpacked before it takes that place. */
import type { Stats } from 'node:fs';
import { lstat, mkdir, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type RawPath, rawFromText } from '#archive/raw.ts';
import { isPlainPath } from '#archive/restore/guard.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { ifThere } from '#kernel/if-there.ts';
import { isBelow, mountPoints } from '#sdk/mounts.ts';
import type { SetHeader } from '#sdk/sets.ts';

export interface Target {
  /** The name of the source in the archive. */
  root: RawPath;
  exclude: string[];
  /** What of it stays as it is now: paths relative to it. */
  leave: string[];
  /** Where it goes. */
  path: string;
  /** A mount point cannot be renamed: its entries are moved instead. */
  isMount: boolean;
  /** A directory of ours on the same file system, gone when the restore has ended. */
  work: string;
  /** The new tree while it is unpacked. */
  fresh: string;
  /** The old tree until the new one is in its place. */
  old: string;
}

/** `to` is the directory below which the full paths are made; undefined for the original places. */
export async function findTargets(
  header: SetHeader,
  { to, leave = [] }: { to?: string; leave?: readonly string[] },
): Promise<Target[]> {
  const mounts = new Set(await mountPoints());
  const wanted = header.sources.filter(({ realPath }) => !leave.includes(realPath));
  return wanted.map((source) => {
    const root = rawFromText(source.realPath.slice(1));
    if (!source.realPath.startsWith('/') || !isPlainPath(root)) {
      throw new AutopilotError('HA_SET_UNSAFE', `the manifest names the source ${JSON.stringify(source.realPath)}`);
    }
    const path = join(to ?? '/', source.realPath);
    const inside = leave.filter((file) => isBelow(file, source.realPath));
    const stays = inside.map((file) => relative(source.realPath, file));
    return { root, exclude: source.exclude, leave: stays, path, ...workPlaces(path, header.set, mounts.has(path)) };
  });
}

/** Members lie at `view/<name>`, whatever file systems the targets are on: symlinks lead to where they are unpacked. */
export async function makeView(view: string, targets: readonly Target[]): Promise<void> {
  const links = new Map<string, string>();
  for (const target of targets) {
    const name = `/${target.root}`;
    await mkdir(target.isMount ? target.fresh : target.work, { recursive: true, mode: 0o700 });
    if (target.isMount) links.set(name, target.fresh);
    else links.set(dirname(name), target.work);
  }
  // Shorter paths first: a link may lie in the directory to which another one leads.
  for (const [name, leadsTo] of [...links].toSorted(([a], [b]) => a.length - b.length)) {
    const link = name === '/' ? view : Buffer.from(join(view, name), 'latin1');
    await mkdir(name === '/' ? dirname(view) : Buffer.from(dirname(join(view, name)), 'latin1'), { recursive: true });
    await symlink(leadsTo, link);
  }
  if (links.size === 0) await mkdir(view, { recursive: true });
}

export async function removeWork(targets: readonly Target[]): Promise<void> {
  for (const { work } of targets) await rm(work, { recursive: true, force: true });
}

export async function isThere(path: string | Buffer): Promise<boolean> {
  return (await lstatIfThere(path)) !== undefined;
}

export async function lstatIfThere(path: string | Buffer): Promise<Stats | undefined> {
  return await ifThere(lstat(path));
}

/** The nearest directory above a path that exists: what will be its file system. */
export async function existingParent(path: string): Promise<{ path: string; dev: number }> {
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const stats = await stat(parent).catch(() => undefined);
    if (stats !== undefined || parent === '/') return { path: parent, dev: stats?.dev ?? 0 };
  }
}

function workPlaces(path: string, set: string, isMount: boolean): Pick<Target, 'isMount' | 'work' | 'fresh' | 'old'> {
  const name = `.autopilot-restore-${set}`;
  if (isMount) {
    const work = join(path, name);
    return { isMount, work, fresh: join(work, 'new'), old: join(work, 'old') };
  }
  const parent = dirname(path);
  const base = path.slice(parent === '/' ? 1 : parent.length + 1);
  const work = join(parent, name);
  return {
    isMount,
    work,
    fresh: join(work, base),
    old: join(parent, `.autopilot-replaced-${set}-${base}`.slice(0, 250)),
  };
}
