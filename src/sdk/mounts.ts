/** What is mounted where, as the kernel tells it, and what `/etc/fstab` says should be. */
import { readFile } from 'node:fs/promises';
import { systemCode } from '#kernel/errors.ts';

/** All mount points of this process, bind mounts included. Empty where the system does not tell. */
export async function mountPoints(): Promise<string[]> {
  return fieldOfLines('/proc/self/mountinfo', 4);
}

/** What of its file system each mount shows: the directory of the host behind a bind mount, for one. */
export async function mountRoots(): Promise<string[]> {
  return fieldOfLines('/proc/self/mountinfo', 3);
}

export interface Mount {
  path: string;
  /** The type of its file system: `ext4`, `nfs4`, `fuse.sshfs` … */
  type: string;
}

/**
 * The mount that an absolute, real path lies on, as the kernel's table tells: nothing of the path itself is touched, so
 * a server that does not answer cannot make this wait. Undefined where the system does not tell.
 */
export async function mountOf(path: string): Promise<Mount | undefined> {
  const lines = (await readIfThere('/proc/self/mountinfo')).split('\n').filter((line) => line !== '');
  const mounts = lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    return { path: unescapeOctal(before.split(' ')[4] ?? ''), type: after.split(' ')[0] ?? '' };
  });
  // Of mounts on the same point the last one covers the others.
  return mounts
    .filter((mount) => isBelow(path, mount.path))
    .reduce<Mount | undefined>(
      (best, mount) => (mount.path.length >= (best?.path.length ?? 0) ? mount : best),
      undefined,
    );
}

/** Mount points that `/etc/fstab` names and that are not mounted now. */
export async function missingMounts(): Promise<string[]> {
  const mounted = new Set(await mountPoints());
  const wanted = await fieldOfLines('/etc/fstab', 1);
  return wanted.filter((path) => path.startsWith('/') && !mounted.has(path));
}

/** Whether `path` is `directory` or lies below it; both are absolute and normal. */
export function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

async function fieldOfLines(file: string, field: number): Promise<string[]> {
  const lines = (await readIfThere(file)).split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  return lines.map((line) => unescapeOctal(line.trim().split(/\s+/)[field] ?? ''));
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EACCES') return '';
    throw error;
  }
}

/** Spaces and the like are written as `\040` in the tables of mounts. */
export function unescapeOctal(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
