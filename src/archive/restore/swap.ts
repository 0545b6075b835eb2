/** Puts an unpacked tree in its place, so that the place holds the old content or the new, and never a mixture. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  joinRaw,
  nameOf,
  parentOf,
  type RawPath,
  rawBytes,
  rawFromBytes,
  rawFromText,
  relativeTo,
} from '#archive/raw.ts';
import { isThere, lstatIfThere, type Target } from '#archive/restore/targets.ts';
import { absolute, walk } from '#archive/walk.ts';
import { flush } from '#kernel/durable.ts';
import { AutopilotError } from '#kernel/errors.ts';

/** Replaces the whole target. When it fails, the old tree is back. */
export async function swapIn(target: Target): Promise<void> {
  if (target.isMount) return await swapEntries(target);
  const there = await lstatIfThere(target.path);
  if (there === undefined || !there.isDirectory()) {
    // Over a file, rename is a replacement that nobody can see half done.
    const fresh = await lstatIfThere(target.fresh);
    if (there === undefined || fresh?.isDirectory() !== true) {
      await rename(target.fresh, target.path);
      return await flush(dirname(target.path));
    }
  }
  await rename(target.path, target.old);
  try {
    await rename(target.fresh, target.path);
  } catch (error) {
    await rename(target.old, target.path);
    throw error;
  }
  await flush(dirname(target.path));
  await finishReplaced(target);
}

/** Puts right what a restore that was killed left behind: back to the old tree, or on to the new one. */
export async function recoverTarget(target: Target): Promise<void> {
  if (target.isMount) return await recoverEntries(target);
  if (await isThere(target.old)) {
    if (!(await isThere(target.path))) await rename(target.old, target.path);
    else if (await isThere(target.fresh)) throw leftOver(target);
    else await finishReplaced(target);
  }
  await rm(target.work, { recursive: true, force: true });
}

async function finishReplaced(target: Target): Promise<void> {
  await carryOver(target);
  await rm(target.old, { recursive: true, force: true });
}

async function carryOver(target: Target): Promise<void> {
  await carryExcluded(target, target.old);
  for (const name of target.leave) {
    const kept = join(target.old, name);
    if (!(await isThere(kept))) continue;
    const to = join(target.path, name);
    await mkdir(dirname(to), { recursive: true });
    await rename(kept, to);
  }
}

/** What the set was told to leave out is left as it was: it moves from the old tree into the new one. */
async function carryExcluded({ path, exclude }: Target, old: string): Promise<void> {
  if (exclude.length === 0) return;
  const root = rawFromText(old.slice(1));
  const excluded: RawPath[] = [];
  const options = { onExcluded: (name: RawPath) => excluded.push(name) };
  for await (const _ of walk({ path: old, realPath: old, root, exclude }, options));
  for (const name of excluded) {
    const to = joinRaw(rawFromText(path), relativeTo(name, root));
    if (await isThere(rawBytes(to))) continue;
    await mkdir(rawBytes(parentOf(to)), { recursive: true });
    await rename(rawBytes(absolute(name)), rawBytes(to));
  }
}

/** Old entries out, new entries in. `fill` exists exactly while new entries move: that tells a recovery the way. */
async function swapEntries(target: Target): Promise<void> {
  try {
    await mkdir(target.old, { mode: 0o700 });
    await moveEntries(target.path, target.old, target.work);
    await rename(target.fresh, fillOf(target));
  } catch (error) {
    await recoverEntries(target);
    throw error;
  }
  await recoverEntries(target);
}

async function recoverEntries(target: Target): Promise<void> {
  if (await isThere(fillOf(target))) {
    await moveEntries(fillOf(target), target.path, target.work);
    await carryOver(target);
    await flush(target.path);
  } else if (await isThere(target.old)) {
    await moveEntries(target.old, target.path, target.work);
  }
  await rm(target.work, { recursive: true, force: true });
}

function fillOf({ work }: Target): string {
  return join(work, 'fill');
}

async function moveEntries(from: string, to: string, except: string): Promise<void> {
  const ours = nameOf(rawFromText(except));
  for (const name of await readdir(from, { encoding: 'buffer' })) {
    const raw = rawFromBytes(name);
    if (raw === ours) continue;
    await rename(rawBytes(joinRaw(rawFromText(from), raw)), rawBytes(joinRaw(rawFromText(to), raw)));
  }
}

/**
 * Puts single files in their places, each by one rename. Directories that are missing come whole; in those that are
 * there, only what was chosen is replaced.
 */
export async function placeChosen(from: RawPath, to: RawPath): Promise<void> {
  const [fresh, there] = await Promise.all([lstatIfThere(rawBytes(from)), lstatIfThere(rawBytes(to))]);
  if (fresh === undefined) return;
  if (there !== undefined && there.isDirectory() !== fresh.isDirectory()) {
    throw new AutopilotError(
      'HA_RESTORE_REFUSED',
      `${to} is ${there.isDirectory() ? 'a directory' : 'no directory'} now`,
      {
        next: 'move it away, or restore to another place with --to',
      },
    );
  }
  if (there === undefined || !fresh.isDirectory()) {
    await mkdir(rawBytes(parentOf(to)), { recursive: true });
    return await rename(rawBytes(from), rawBytes(to));
  }
  for (const name of await readdir(rawBytes(from), { encoding: 'buffer' })) {
    await placeChosen(joinRaw(from, rawFromBytes(name)), joinRaw(to, rawFromBytes(name)));
  }
}

function leftOver({ old, path }: Target): AutopilotError {
  return new AutopilotError('HA_RESTORE_REFUSED', `an earlier restore was cut short, and ${path} was made anew since`, {
    next: `its content from before that restore is in ${old}: move it away or remove it`,
  });
}
