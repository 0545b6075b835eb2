/** What a test with a real NFS mount stands on, and where it is: most machines have it, but not all in their own kernel. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { hasTool, needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';

/** Debian's kernel for clouds, with the modules of its NFS client. `./setup` puts it there; it is never installed. */
const FOLDER = join(root, 'node_modules/.cache/nfs-guest');
export const KERNEL = join(FOLDER, 'vmlinuz');
const MODULES = join(FOLDER, 'modules');

/** Serves directories of this machine to a guest. It comes with the QEMU of Debian 12. */
export const VIRTIOFSD = '/usr/lib/qemu/virtiofsd';

const TOOLS = ['ganesha.nfsd', 'qemu-system-x86_64', 'busybox', 'zstd'];

export function canMountNfs(): boolean {
  return TOOLS.every(hasTool) && existsSync(KERNEL) && existsSync(VIRTIOFSD) && process.getuid?.() === 0;
}

export function needsNfs(context: Pick<TestContext, 'skip'>): void {
  needs(context, ...TOOLS);
  if (canMountNfs()) return;
  if (process.getuid?.() !== 0) context.skip('needs root, for a server that opens files by their handles');
  const reason = `needs ${VIRTIOFSD} and a kernel for its guest; on Debian 12 ./setup brings both`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  context.skip(reason);
}

/** The paths of the modules, each behind those that it needs. */
export async function kernelModules(): Promise<string[]> {
  return (await readdir(MODULES)).toSorted().map((name) => join(MODULES, name));
}
