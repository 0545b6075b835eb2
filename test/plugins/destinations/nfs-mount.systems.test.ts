/** On a mount of the kernel's own NFS client, in a guest: sets come back whole, whatever a real NAS does meanwhile. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { flipByte } from '#test/archive/bed.ts';
import { filesBelow, SET, stageSet } from '#test/plugins/destinations/promises.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { bootGuest, type NfsGuest } from '#test/support/nfs/guest.ts';
import { canMountNfs, needsNfs } from '#test/support/nfs/kernel.ts';
import { MARKER, openShare } from '#test/support/nfs/share.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

let guest: NfsGuest;

beforeAll(async () => {
  if (canMountNfs()) guest = await bootGuest();
});
afterAll(async () => {
  await guest?.[Symbol.asyncDispose]();
});
beforeEach((context) => {
  needsNfs(context);
});

const AT = { ...SET, destination: 'nas' };

/** All that is asked of a destination besides storing, each with what it is asked with. */
const ACTIONS: readonly (readonly [string, JsonObject])[] = [
  ['check', {}],
  ['list', {}],
  ['open', SET],
  ['verify', SET],
  ['annotate', { ...SET, pinned: true }],
  ['remove', SET],
];

test('a set is copied, verified, listed with its facts, restored whole from there, and removed', async () => {
  await using share = await openShare(guest);
  const { bed, root, path } = share;
  const { source } = await stageSet(bed);
  const noise = await readFile(join(source, 'noise'));

  const checked = await bed.destination('nas', 'check', {});
  await bed.archive('copy', { ...SET, to: 'nas' });
  const verified = await bed.archive('verifyCopy', AT);
  await bed.destination('nas', 'annotate', { ...SET, pinned: true });
  const listed = await bed.destination('nas', 'list', {});
  const kept = await filesBelow(root);
  await bed.archive('discard', SET);
  await rm(source, { recursive: true });
  await bed.archive('restore', { ...SET, from: ['nas'] });
  const removed = await bed.destination('nas', 'remove', SET);

  expect(checked['detail']).toBe(`${path} (nfs4 on ${path})`);
  expect(checked['freeBytes']).toBeGreaterThan(0);
  expect(verified['summary']).toContain('read back, checksums match');
  expect(listed).toMatchObject({
    unreadable: [],
    sets: [{ id: 'set-one', files: 2, pinned: true, verifiedAt: verified['verifiedAt'] }],
  });
  expect(kept).toContain('notes/set-one/data.tar.zst');
  expect(await readFile(join(source, 'noise'))).toEqual(noise);
  expect(removed).toEqual({ removed: true });
  expect(await filesBelow(root)).toEqual([]);
});

test('what a disk of the NAS damages is found, although this machine wrote it just now, and storing again mends it', async () => {
  await using share = await openShare(guest);
  const { bed, root } = share;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  const data = join(root, 'notes/set-one/data.tar.zst');
  await flipByte(data, 1000);

  const verified = bed.archive('verifyCopy', AT);

  await expect(verified).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
  await expect(verified).rejects.toThrow('data.tar.zst: it does not match its checksum');
  await bed.destination('nas', 'store', { ...SET, directory });
  expect(await readFile(data)).toEqual(await readFile(join(directory, 'data.tar.zst')));
});

test('while the share is not mounted every action is refused, and the disk below gets nothing', async () => {
  await using share = await openShare(guest);
  const { bed, path } = share;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  await share.unmount();

  for (const [action, input] of [...ACTIONS, ['store', { ...SET, directory }] as const]) {
    const attempt = bed.destination('nas', action, input);
    await expect(attempt).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
    await expect(attempt).rejects.toThrow(`nas: ${path} is not on a mounted nfs or nfs4 share: it is on /run (tmpfs)`);
  }
  expect(await guest.run('find', path, '-mindepth', '1')).toBe('');
  await share.mount();
  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ id: 'set-one', pinned: false }]);
});

test('another share of the NAS, which has no marker, is refused and gets nothing', async () => {
  await using share = await openShare(guest);
  const { bed, root, path } = share;
  const { directory } = await stageSet(bed);
  await rm(join(root, MARKER));

  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  await expect(attempt).rejects.toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    next: expect.stringContaining(`touch ${path}/${MARKER}`),
  });
  await expect(attempt).rejects.toThrow(`nas: ${path} has no marker file`);
  expect(await readdir(root)).toEqual([]);
});

describe('a NAS that goes away in mid-copy', () => {
  const BYTES = 24 << 20;

  test('ends every action in time as not reachable, holds up nothing else, and gets the whole copy when it answers', async () => {
    await using share = await openShare(guest, { timeout: '8s' });
    const { bed, nas, root } = share;
    await stageSet(bed, 'set-one', BYTES);
    bed.addDestination('usb', { path: bed.folder });
    const copying = bed.archive('copy', { ...SET, to: 'nas' });
    copying.catch(() => undefined);
    await eventually('the copy is on its way', async () => (await copied(root)) > 0);

    nas.freeze();
    const left = performance.now();
    // What the kernel remembers of the share it would tell without asking.
    await guest.run('sh', '-c', 'echo 2 >/proc/sys/vm/drop_caches');
    const asked = ACTIONS.map(async ([action, input]) => await bed.destination('nas', action, input));
    const elsewhere = await bed.destination('usb', 'list', {});
    const outcomes = await Promise.allSettled([copying, ...asked]);
    const seconds = (performance.now() - left) / 1000;
    nas.thaw();

    expect(elsewhere).toEqual({ sets: [], unreadable: [] });
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'HA_REMOTE_UNREACHABLE' } });
      expect(outcome).toMatchObject({ reason: { message: expect.stringContaining('did not answer within 8s') } });
    }
    // A writer that the kernel does not let go is waited for, ten seconds at most.
    expect(seconds).toBeLessThan(30);
    await eventually('it answers again', () => bed.destination('nas', 'list', {}).then(Boolean, () => false));
    await bed.archive('copy', { ...SET, to: 'nas' });
    expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  });

  test('because its power failed, and is back within the time limit, is waited for', async () => {
    await using share = await openShare(guest, { timeout: '60s' });
    const { bed, nas, root } = share;
    await stageSet(bed, 'set-one', BYTES);
    const copying = bed.archive('copy', { ...SET, to: 'nas' });
    copying.catch(() => undefined);
    await eventually('the copy is on its way', async () => (await copied(root)) > 0);

    await nas.kill();
    const before = await copied(root);
    await nas.start();
    await copying;

    expect(before).toBeLessThan(BYTES);
    expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  });

  /** How much of the data the disk of the NAS has. */
  async function copied(root: string): Promise<number> {
    const { size } = await stat(join(root, 'notes/.partial-set-one/data.tar.zst')).catch(() => ({ size: 0 }));
    return size;
  }
});

test.each([
  ['maps root to nobody', 'Access_Type = RW; Squash = Root_Squash;', 'Permission denied'],
  ['is read-only', 'Access_Type = RO; Squash = No_Root_Squash;', 'Read-only file system'],
])('an export that %s is told, and that its rights are to be corrected', async (_how, rights, reason) => {
  await using share = await openShare(guest, { rights });
  const { bed, root } = share;
  const { directory } = await stageSet(bed);

  for (const [action, input] of [
    ['check', {}],
    ['store', { ...SET, directory }],
  ] as const) {
    const attempt = bed.destination('nas', action, input);
    await expect(attempt).rejects.toThrow(reason);
    await expect(attempt).rejects.toMatchObject({
      code: 'HA_DESTINATION_UNUSABLE',
      next: 'correct the rights of the export',
    });
  }
  expect(await readdir(root)).toEqual([MARKER]);
});

test('an export that is full is told as a lack of room, and the copy goes on when there is some', async (context) => {
  await using disk = await tempDir();
  await using mount = await mountTmpfs(context, join(disk.path, 'small'), '3m');
  await using share = await openShare(guest, { root: mount.path });
  const { bed, path } = share;
  const { directory } = await stageSet(bed, 'set-one', 4 << 20);

  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
  await expect(attempt).rejects.toThrow(`nas: ${path}: No space left on device`);
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
  execFileSync('mount', ['-o', 'remount,size=16m', mount.path]);
  await bed.destination('nas', 'store', { ...SET, directory });
  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
});

test('an exported directory that was replaced is told as a share that must be mounted anew, and then is one', async () => {
  await using share = await openShare(guest);
  const { bed, root, nas } = share;
  await bed.destination('nas', 'check', {});
  await rm(root, { recursive: true });
  await mkdir(root);
  await writeFile(join(root, MARKER), '');
  await nas.kill();
  await nas.start();

  for (const [action, input] of ACTIONS) {
    await expect(bed.destination('nas', action, input)).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: expect.stringContaining('Stale file handle'),
      next: 'see whether the NAS is on, and mount the share anew',
    });
  }
  await share.unmount();
  await share.mount();
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
});
