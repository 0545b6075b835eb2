/** Small disks that can be filled: tmpfs mounts of a fixed size, where this user may mount. */
import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '#kernel/errors.ts';

const run = promisify(execFile);
const CHUNK = Buffer.alloc(4 << 20);

export interface SmallDisk extends AsyncDisposable {
  path: string;
  /** Takes all space that is left. */
  fill(): Promise<void>;
  free(): Promise<void>;
  readOnly(): Promise<void>;
}

/** @returns undefined where mounting is not allowed. */
export async function mountSmallDisk(path: string, megabytes: number): Promise<SmallDisk | undefined> {
  await mkdir(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'homelab-autopilot-test', path]);
  } catch {
    return undefined;
  }
  const ballast = join(path, '.ballast');
  return {
    path,
    fill: () => fillUp(ballast),
    free: () => rm(ballast, { force: true }),
    readOnly: async () => void (await run('mount', ['-o', 'remount,ro', path])),
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', path]);
    },
  };
}

async function fillUp(file: string): Promise<void> {
  await using handle = await open(file, 'w');
  try {
    for (;;) await handle.write(CHUNK);
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
  }
}
