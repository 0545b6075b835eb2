/** A place for backups and what is backed up there: none of them may lie in the other, by whatever links they are named. */
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { isBelow } from '#sdk/mounts.ts';

/**
 * A set in a tree that is backed up would be backed up itself, and grow with every run.
 *
 * @param place the destination's directory: as it is written, and with symlinks resolved.
 * @throws AutopilotError HA_CONFIG_INVALID
 */
export async function requireApart(
  place: { name: string; path: string; realPath: string },
  sources: readonly string[],
): Promise<void> {
  const ours = place.realPath;
  for (const source of sources) {
    const theirs = await realPathOf(source);
    if (!isBelow(ours, theirs) && !isBelow(theirs, ours)) continue;
    const how = isBelow(ours, theirs) ? 'lies in' : 'contains';
    throw new AutopilotError('HA_CONFIG_INVALID', `${place.name}: ${place.path} ${how} the source ${source}`, {
      next: 'use a directory of its own for backups, best on another disk',
    });
  }
}

/** With symlinks resolved as far as the path exists. */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path === '/' ? path : join(await realPathOf(dirname(path)), path.slice(path.lastIndexOf('/') + 1));
  }
}
