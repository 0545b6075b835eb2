/** What is mounted where, as the kernel tells it, and what `/etc/fstab` says should be. */
import { readFile } from 'node:fs/promises';
import { systemCode } from '#kernel/errors.ts';

/** All mount points of this process, bind mounts included. Empty where the system does not tell. */
export async function mountPoints(): Promise<string[]> {
  return fieldOfLines('/proc/self/mountinfo', 4);
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

/** Spaces and the like are written as `\040` in these files. */
function unescapeOctal(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
