/** File systems of a test's own: small ones in memory, and btrfs in a file. Only the superuser can make them. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);
const SYSTEM = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** Less than this is not made by mkfs.btrfs. The file is sparse. */
const BTRFS_BYTES = 256 << 20;

export interface Mount extends AsyncDisposable {
  path: string;
}

/** Skips the test where nothing can be mounted: for an unprivileged user, or in a container without that right. */
export async function mountTmpfs(context: Pick<TestContext, 'skip'>, path: string, size: string): Promise<Mount> {
  await mkdir(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    context.skip('needs the right to mount a file system');
  }
  return { path, [Symbol.asyncDispose]: async () => void execFileSync('umount', [path]) };
}

/** A real btrfs, in a file beside it. It is waited for until neither the mount nor the loop device is there any more. */
export async function mountBtrfs(context: Pick<TestContext, 'skip'>, path: string): Promise<Mount> {
  const image = `${path}.img`;
  await mkdir(path, { recursive: true });
  await writeFile(image, '');
  await truncate(image, BTRFS_BYTES);
  await run('mkfs.btrfs', ['--quiet', image], { env: SYSTEM });
  try {
    await run('mount', ['-o', 'loop', image, path], { env: SYSTEM });
  } catch {
    context.skip('needs the right to mount a file in a loop device');
  }
  // Daemons of other tests may see this mount in a name space of their own: with this, it goes there too when it goes here.
  await run('mount', ['--make-shared', path], { env: SYSTEM });
  return {
    path,
    async [Symbol.asyncDispose]() {
      // Busy as long as the last process of a container writes its log there.
      await eventually(`${path} is unmounted`, () => run('umount', [path], { env: SYSTEM }).then(Boolean, () => false));
      await eventually(`no loop device holds ${image}`, async () => {
        const { stdout } = await run('losetup', ['--noheadings', '--associated', image], { env: SYSTEM });
        return stdout.trim() === '';
      });
    },
  };
}

/** What is mounted below a directory, the innermost first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')).split('\n');
  const points = lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${directory}/`));
  return points.toReversed();
}

/** Takes away what a test left, even when it is in use. */
export function detach(point: string): void {
  execFileSync('umount', ['--lazy', point], { stdio: 'pipe', env: SYSTEM });
}
