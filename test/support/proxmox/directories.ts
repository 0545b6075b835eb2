/** Guests that are directories: nothing runs in them, and a snapshot is a copy. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Backend } from './backend.ts';

const run = promisify(execFile);

/** A copy shares its blocks where the file system can do that. */
export function openDirectories(root: string): Backend {
  const running = new Set<number>();
  const at = (vmid: number, name: string) => join(root, `${vmid}`, name);
  const disk = (vmid: number) => at(vmid, 'disk');
  const snapshotAt = (vmid: number, name: string) => at(vmid, `snap-${name}`);
  return {
    async create(vmid) {
      await mkdir(disk(vmid), { recursive: true });
      running.add(vmid);
    },
    isRunning: async (vmid) => running.has(vmid),
    start: async (vmid) => void running.add(vmid),
    stop: async (vmid) => void running.delete(vmid),
    shutdown: async (vmid) => void running.delete(vmid),
    snapshot: (vmid, name) => copy(disk(vmid), snapshotAt(vmid, name)),
    rollback: (vmid, name) => copy(snapshotAt(vmid, name), disk(vmid)),
    deleteSnapshot: (vmid, name) => rm(snapshotAt(vmid, name), { recursive: true, force: true }),
    dump: async (vmid, file) => void (await run('tar', ['--zstd', '-cf', file, '-C', disk(vmid), '.'])),
    async restore(vmid, file) {
      await rm(disk(vmid), { recursive: true, force: true });
      await mkdir(disk(vmid), { recursive: true });
      await run('tar', ['--zstd', '-xf', file, '-C', disk(vmid)]);
    },
    connect: async () => undefined,
    remove: (vmid) => rm(join(root, `${vmid}`), { recursive: true, force: true }),
    write: (vmid, text) => writeFile(join(disk(vmid), 'note'), text),
    read: (vmid) => readFile(join(disk(vmid), 'note'), 'utf8'),
    // The directory is the test's, and goes with it.
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function copy(from: string, to: string): Promise<void> {
  await run('cp', ['-a', '--reflink=auto', from, `${to}.new`]);
  await rm(to, { recursive: true, force: true });
  await rename(`${to}.new`, to);
}
