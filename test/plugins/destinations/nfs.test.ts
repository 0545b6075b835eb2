/** A share is written to only while it is surely there, and one that hangs holds nobody up. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { plugin as nfs } from '#plugins/destinations/nfs/index.ts';
import { openBed } from '#test/archive/bed.ts';
import { filesBelow, keepsPromises, type Place, SET, stageSet } from '#test/plugins/destinations/promises.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { needs } from '#test/support/needs.ts';
import { eventually } from '#test/support/wait.ts';

const MARKER = '.homelab-autopilot';

/** The guard sees a real mount of another type, by its name in the mount table. */
async function openShare(context: Pick<TestContext, 'skip'>, size = '64m'): Promise<Place & { unmount(): void }> {
  const bed = await openBed({ plugins: [nfs] });
  const root = join(bed.folder, 'share');
  const mount = await mountTmpfs(context, root, size);
  await writeFile(join(root, MARKER), '');
  bed.addDestination('nas', { path: root, fs_types: ['tmpfs'], timeout: '20s' }, 'nfs');
  let mounted = true;
  const unmount = () => {
    execFileSync('umount', ['--lazy', mount.path]);
    mounted = false;
  };
  return {
    bed,
    root,
    unmount,
    async [Symbol.asyncDispose]() {
      if (mounted) unmount();
      await bed[Symbol.asyncDispose]();
    },
  };
}

describe('a mounted share', () => {
  keepsPromises((context) => openShare(context));
});

test('while the share is not mounted nothing is written, listed or made on the disk below', async (context) => {
  await using share = await openShare(context);
  const { bed, root } = share;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  share.unmount();

  for (const [action, input] of [
    ['check', {}],
    ['store', { ...SET, directory }],
    ['list', {}],
    ['open', SET],
    ['remove', SET],
  ] as const) {
    const attempt = bed.destination('nas', action, input);
    await expect(attempt).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
    await expect(attempt).rejects.toThrow(`nas: ${root} is not on a mounted tmpfs share`);
  }
  expect(await readdir(root)).toEqual([]);
});

test('a share that is unmounted in mid-copy ends the copy, and the disk below gets nothing', async (context) => {
  await using share = await openShare(context, '400m');
  const { bed, root } = share;
  const { directory } = await stageSet(bed, 'set-one', 200 << 20);

  const attempt = bed.destination('nas', 'store', { ...SET, directory });
  attempt.catch(() => undefined);
  await eventually('the copy has begun', async () => (await filesBelow(root)).some((path) => path.includes('data')));
  share.unmount();

  await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^HA_(COMMAND_FAILED|DESTINATION)/) });
  expect(await readdir(root)).toEqual([]);
});

test('a file system of another type is not the share, nor is one without the marker', async (context) => {
  await using share = await openShare(context);
  const { bed, root } = share;
  bed.addDestination('strict', { path: root }, 'nfs');
  await rm(join(root, MARKER));

  await expect(bed.destination('strict', 'check', {})).rejects.toThrow(
    `${root} is not on a mounted nfs or nfs4 share: it is on ${root} (tmpfs)`,
  );
  const unmarked = bed.destination('nas', 'check', {});
  await expect(unmarked).rejects.toThrow('has no marker file');
  await expect(unmarked).rejects.toMatchObject({ next: expect.stringContaining(`touch ${root}/${MARKER}`) });
});

test('without require_mount the marker alone is asked for', async () => {
  await using bed = await openBed({ plugins: [nfs] });
  const path = join(bed.folder, 'share');
  bed.addDestination('nas', { path, require_mount: false }, 'nfs');

  await expect(bed.destination('nas', 'check', {})).rejects.toThrow('has no marker file');
  await mkdir(path);
  await writeFile(join(path, MARKER), '');
  expect(await bed.destination('nas', 'check', {})).toMatchObject({ detail: expect.stringContaining(path) });
});

test('a share in a source is refused, also when one of them is named by a link', async (context) => {
  await using share = await openShare(context);
  const { bed, root } = share;
  const alias = join(bed.folder, 'alias');
  await symlink(root, alias);
  bed.addDestination('linked', { path: alias, require_mount: false }, 'nfs');

  for (const [destination, source] of [
    ['nas', bed.folder],
    ['nas', alias],
    ['linked', root],
  ] as const) {
    const attempt = bed.destination(destination, 'check', { sources: [source] });
    await expect(attempt).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
  }
});

test('a share that is full is named, and a later attempt goes on when there is room', async (context) => {
  await using share = await openShare(context, '3m');
  const { bed, root } = share;
  const { directory } = await stageSet(bed, 'set-one', 4 << 20);

  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
  await expect(attempt).rejects.toThrow(`nas: ${root}: No space left on device`);
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
  execFileSync('mount', ['-o', 'remount,size=16m', root]);
  await bed.destination('nas', 'store', { ...SET, directory });
  expect(await bed.archive('verifyCopy', { ...SET, destination: 'nas' })).toMatchObject({ how: 'read back' });
});

test('a share that lets nothing be made there is told, and that its rights are to be corrected', async (context) => {
  await using share = await openShare(context);
  const { bed, root } = share;
  const { directory } = await stageSet(bed);
  execFileSync('mount', ['-o', 'remount,ro', root]);

  for (const [action, input] of [
    ['check', {}],
    ['store', { ...SET, directory }],
  ] as const) {
    const attempt = bed.destination('nas', action, input);
    await expect(attempt).rejects.toThrow('Read-only file system');
    await expect(attempt).rejects.toMatchObject({
      code: 'HA_DESTINATION_UNUSABLE',
      next: 'correct the rights of the export',
    });
  }
});

test('what an earlier run left half copied is gone after the next copy', async (context) => {
  await using share = await openShare(context);
  const { bed, root } = share;
  const { directory } = await stageSet(bed, 'set-old');
  const partial = join(root, 'notes/.partial-set-old');
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, 'manifest.json'), await readFile(join(directory, 'manifest.json')));

  const next = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory: next.directory });

  expect(await readdir(join(root, 'notes'))).toEqual(['set-one']);
});

test('a share whose server hangs ends every action within the time limit, and is used again when it answers', async (context) => {
  needs(context, 'rclone', 'fusermount3');
  await using bed = await openBed({ plugins: [nfs] });
  const behind = join(bed.folder, 'behind');
  const path = join(bed.folder, 'share');
  await mkdir(behind);
  await mkdir(path);
  await writeFile(join(behind, MARKER), '');
  await using _server = await mountFuse(behind, path);
  const { directory } = await stageSet(bed);
  bed.addDestination('nas', { path, fs_types: ['fuse.rclone'], timeout: '2s' }, 'nfs');
  await bed.destination('nas', 'store', { ...SET, directory });

  _server.freeze();
  const actions = [
    bed.destination('nas', 'list', {}),
    bed.destination('nas', 'store', { ...SET, directory }),
    bed.archive('verifyCopy', { ...SET, destination: 'nas' }),
  ];
  for (const outcome of await Promise.allSettled(actions)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'HA_REMOTE_UNREACHABLE' } });
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining('did not answer within 2s') } });
  }
  // The threads that Node itself reads and writes files with are free: none waits for the share.
  expect(await readFile(join(directory, 'SHA256SUMS'), 'utf8')).toContain('manifest.json');
  _server.thaw();
  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ id: 'set-one' }]);
});

/** A file system that a process serves, which can be stopped as a server can hang. */
async function mountFuse(behind: string, path: string) {
  const cache = ['--vfs-cache-mode', 'off', '--attr-timeout', '0s', '--dir-cache-time', '0s'];
  const child = spawn('rclone', ['mount', behind, path, '--config', '/dev/null', ...cache], { stdio: 'ignore' });
  await eventually('the file system is mounted', async () =>
    (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `),
  );
  return {
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGCONT');
      execFileSync('fusermount3', ['-u', '-z', path]);
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
