/** A destination with a quota, on a real btrfs: where the quota ends, the copy ends, with the reason and without a half of it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makeSet, openBed, SERVICE, writeTree } from '#test/archive/bed.ts';
import { mountBtrfs } from '#test/support/mounts.ts';
import { needs } from '#test/support/needs.ts';

const run = promisify(execFile);

test('a quota that is used up in mid-copy is told as a lack of room, and nothing of the copy is left', async (context) => {
  needs(context, 'mkfs.btrfs', 'btrfs', 'losetup');
  await using bed = await openBed();
  await using mount = await mountBtrfs(context, join(bed.folder, 'disk'));
  const usb = join(mount.path, 'usb');
  await run('btrfs', ['subvolume', 'create', usb]);
  await run('btrfs', ['quota', 'enable', mount.path]);
  await run('btrfs', ['qgroup', 'limit', '2M', usb]);
  bed.addDestination('usb', { path: usb });
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await writeFile(join(source, 'large'), randomBytes(8 << 20));
  const directory = await makeSet(bed, source);

  const attempt = bed.destination('usb', 'store', { service: SERVICE, set: 'set-one', directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE', message: expect.stringContaining(usb) });
  expect(await readdir(usb, { recursive: true })).toEqual([SERVICE]);
});
