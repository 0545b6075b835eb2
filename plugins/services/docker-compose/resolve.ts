/** Follows symlinks in unpacked files as they would be followed where the files came from, and never out of them. */
import { readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { isBelow } from '#sdk/mounts.ts';
import { type Surroundings, unpackedPlace } from './isolate.ts';

/** As many as the kernel follows. */
const MOST_LINKS = 40;

type Places = Pick<Surroundings, 'root' | 'trees'>;

/** @returns a path below the root without any symlink in it. What is missing of it is taken as it stands. */
export async function resolvedBelow(places: Places, path: string): Promise<string> {
  const { root } = places;
  let rest = posix.relative(root, path).split('/');
  let at = root;
  for (let links = 0; rest.length > 0; ) {
    const [name = '', ...others] = rest;
    const next = posix.join(at, name);
    const link = await readlink(next).catch(() => undefined);
    rest = others;
    if (link === undefined) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) throw new AutopilotError('HA_CHECK_FAILED', `${path} is a symlink that never ends`);
    // Seen from where it came from, `..` of the root is the root.
    const target = posix.resolve('/', posix.relative(root, at), link);
    const leads = unpackedPlace(places, target);
    rest = [...posix.relative(root, isBelow(leads, root) ? leads : root).split('/'), ...rest];
    at = root;
  }
  return at;
}
