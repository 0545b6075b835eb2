/** A local destination holds whole sets only, and touches nothing that is not its own. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Bed, flipByte, makeSet, openBed, SERVICE, writeTree } from '#test/archive/bed.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { lookAtLocked } from '#test/support/unprivileged.ts';

/** A bed with a sealed set and the destination `usb`. */
async function openUsb(): Promise<{ bed: Bed; usb: string; directory: string; source: string }> {
  const bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const directory = await makeSet(bed, source);
  const usb = join(bed.folder, 'usb');
  bed.addDestination('usb', { path: usb });
  return { bed, usb, directory, source };
}

const SET = { service: SERVICE, set: 'set-one' };

test('a stored set is listed with all that its manifest tells, and can be opened', async () => {
  const { bed, usb, directory } = await openUsb();
  await using _bed = bed;

  await bed.destination('usb', 'store', { ...SET, directory });
  const listed = await bed.destination('usb', 'list', {});
  const opened = await bed.destination('usb', 'open', SET);

  expect(listed['unreadable']).toEqual([]);
  expect(listed['sets']).toMatchObject([
    { id: 'set-one', service: SERVICE, host: 'nas', files: 1, contentBytes: 3, pinned: false, verifiedAt: null },
  ]);
  expect(opened).toEqual({ directory: join(usb, SERVICE, 'set-one'), temporary: false });
  expect((await readdir(join(usb, SERVICE, 'set-one'))).sort()).toEqual([
    'SHA256SUMS',
    'data.tar.zst',
    'manifest.json',
    'restore.sh',
  ]);
});

test('storing a set again replaces the copy, even a damaged one', async () => {
  const { bed, usb, directory } = await openUsb();
  await using _bed = bed;
  await bed.destination('usb', 'store', { ...SET, directory });
  const data = join(usb, SERVICE, 'set-one', 'data.tar.zst');
  await flipByte(data, 30);
  await flipByte(join(usb, SERVICE, 'set-one', 'manifest.json'), 3);

  await bed.destination('usb', 'store', { ...SET, directory });

  expect(await readFile(data)).toEqual(await readFile(join(directory, 'data.tar.zst')));
  expect(await readdir(join(usb, SERVICE))).toEqual(['set-one']);
});

test('verified and pinned are kept on the copy, each without touching the other', async () => {
  const { bed, directory } = await openUsb();
  await using _bed = bed;
  await bed.destination('usb', 'store', { ...SET, directory });

  await bed.destination('usb', 'annotate', { ...SET, pinned: true });
  await bed.destination('usb', 'annotate', { ...SET, verifiedAt: '2026-01-02T03:04:05.000Z' });

  const listed = await bed.destination('usb', 'list', { service: SERVICE });
  expect(listed['sets']).toMatchObject([{ pinned: true, verifiedAt: '2026-01-02T03:04:05.000Z' }]);
});

test('what is not ours is not listed, and a set that cannot be read is told', async () => {
  const { bed, usb, directory } = await openUsb();
  await using _bed = bed;
  await bed.destination('usb', 'store', { ...SET, directory });
  await writeTree(usb, {
    README: 'mine',
    'notes/holiday/photo.jpg': 'mine',
    'notes/.partial-set-two/manifest.json': '{}',
    'other/set-one/data': 'mine',
    'notes/set-bad/manifest.json': '{"formatVersion":1',
  });
  await rename(join(usb, SERVICE, 'set-one'), join(usb, SERVICE, 'set-moved'));

  const listed = await bed.destination('usb', 'list', {});

  expect(listed['sets']).toEqual([]);
  expect(listed['unreadable']).toEqual([{ path: join(usb, 'notes/set-bad'), reason: 'its manifest has no index' }]);
});

test('remove takes a set of ours, and nothing else', async () => {
  const { bed, usb, directory } = await openUsb();
  await using _bed = bed;
  await bed.destination('usb', 'store', { ...SET, directory });
  await writeTree(usb, { 'notes/set-mine/photo.jpg': 'mine', 'notes/.partial-set-two/data.tar.zst': 'cut off' });

  const removed = await bed.destination('usb', 'remove', SET);
  const again = await bed.destination('usb', 'remove', SET);
  const mine = await bed.destination('usb', 'remove', { service: SERVICE, set: 'set-mine' });
  const cutOff = await bed.destination('usb', 'remove', { service: SERVICE, set: 'set-two' });

  expect([removed, again, mine, cutOff].map((output) => output['removed'])).toEqual([true, false, false, true]);
  expect(await readdir(join(usb, SERVICE), { recursive: true })).toEqual(['set-mine', 'set-mine/photo.jpg']);
});

test('a file that somebody put into a set stays when the set is removed', async () => {
  const { bed, usb, directory } = await openUsb();
  await using _bed = bed;
  await bed.destination('usb', 'store', { ...SET, directory });
  await writeFile(join(usb, SERVICE, 'set-one', 'photo.jpg'), 'mine');

  await bed.destination('usb', 'remove', SET);

  expect(await readFile(join(usb, SERVICE, '.partial-set-one/photo.jpg'), 'utf8')).toBe('mine');
  expect((await bed.destination('usb', 'list', {}))['sets']).toEqual([]);
});

test('a destination that becomes full in mid-copy is named, and its partial copy is gone', async (context) => {
  await using bed = await openBed();
  await using mount = await mountTmpfs(context, join(bed.folder, 'usb'), '1m');
  bed.addDestination('usb', { path: mount.path });
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await writeFile(join(source, 'large'), randomBytes(4 << 20));
  const directory = await makeSet(bed, source);

  const attempt = bed.destination('usb', 'store', { ...SET, directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
  await expect(attempt).rejects.toThrow(`usb: ${mount.path} is full`);
  expect(await readdir(mount.path, { recursive: true })).toEqual([SERVICE]);
});

test('a copy that is cancelled leaves no partial copy', async () => {
  const { bed, usb, directory } = await openUsb();
  await using _bed = bed;
  await bed.destination('usb', 'check', {});
  const cancel = new AbortController();

  const attempt = bed.destination('usb', 'store', { ...SET, directory }, cancel.signal);
  cancel.abort(new Error('cancelled by the test'));

  await expect(attempt).rejects.toMatchObject({ code: 'HA_CANCELLED' });
  expect((await readdir(usb, { recursive: true })).filter((name) => name.includes('set-one'))).toEqual([]);
});

test.each([
  ['inside of a source', 'srv/backups', 'lies in the source'],
  ['the source itself', 'srv', 'lies in the source'],
  ['around a source', '.', 'contains the source'],
  ['inside of a source behind a symlink', 'alias/backups', 'lies in the source'],
])('a destination %s is refused', async (_where, path, message) => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await symlink(source, join(bed.folder, 'alias'));
  bed.addDestination('usb', { path: join(bed.folder, path) });

  const attempt = bed.destination('usb', 'check', { sources: [source] });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
  await expect(attempt).rejects.toThrow(message);
});

test('a destination next to a source with the same beginning is no problem', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  bed.addDestination('usb', { path: join(bed.folder, 'srv-backups') });

  const checked = await bed.destination('usb', 'check', { sources: [source] });

  expect(checked['freeBytes']).toBeGreaterThan(0);
});

test('a destination that is a file, or whose parent is missing, is refused by name', async () => {
  await using bed = await openBed();
  await writeFile(join(bed.folder, 'file'), '');
  bed.addDestination('file', { path: join(bed.folder, 'file') });
  bed.addDestination('away', { path: join(bed.folder, 'away/backups') });

  await expect(bed.destination('file', 'check', {})).rejects.toThrow(`file: ${bed.folder}/file is not a directory`);
  await expect(bed.destination('away', 'check', {})).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
});

test('a destination that is not writable is refused, for the superuser too', async (context) => {
  await using bed = await openBed();
  await using mount = await mountTmpfs(context, join(bed.folder, 'usb'), '1m');
  execFileSync('mount', ['-o', 'remount,ro', mount.path]);
  bed.addDestination('usb', { path: mount.path });

  await expect(bed.destination('usb', 'check', {})).rejects.toThrow(`usb: ${mount.path} is not writable (EROFS)`);
});

test('a directory without write permission is refused', async () => {
  const { folder, destination } = await lookAtLocked();

  expect(destination).toContain(`${folder} is not writable (EACCES)`);
});

test('a missing directory below /mnt is never made, for its disk may be away', async () => {
  await using bed = await openBed();
  bed.addDestination('usb', { path: '/mnt/autopilot-test-away/backups' });

  await expect(bed.destination('usb', 'check', {})).rejects.toThrow(
    'usb: /mnt/autopilot-test-away/backups does not exist',
  );
});

test('sets can be listed and opened where nothing can be written', async (context) => {
  await using bed = await openBed();
  await using mount = await mountTmpfs(context, join(bed.folder, 'usb'), '1m');
  bed.addDestination('usb', { path: mount.path });
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await bed.destination('usb', 'store', { ...SET, directory: await makeSet(bed, source) });
  execFileSync('mount', ['-o', 'remount,ro', mount.path]);

  expect((await bed.destination('usb', 'list', {}))['sets']).toMatchObject([{ id: 'set-one' }]);
  expect(await bed.destination('usb', 'open', SET)).toMatchObject({ temporary: false });
});

test('a destination that was never written to lists nothing, and is not made by that', async () => {
  await using bed = await openBed();
  bed.addDestination('usb', { path: join(bed.folder, 'usb') });

  expect(await bed.destination('usb', 'list', {})).toEqual({ sets: [], unreadable: [] });
  expect(await readdir(bed.folder)).toEqual([]);
});

test('with require_mount a directory on a mounted file system is taken', async (context) => {
  await using bed = await openBed();
  await using mount = await mountTmpfs(context, join(bed.folder, 'usb'), '1m');
  bed.addDestination('mounted', { path: join(mount.path, 'backups'), require_mount: true });

  expect(await bed.destination('mounted', 'check', {})).toMatchObject({ detail: join(mount.path, 'backups') });
});

test.each(['../../etc', '.hidden', 'a/b', ''])('the service name %j is never used as a path', async (service) => {
  const { bed, directory } = await openUsb();
  await using _bed = bed;

  const attempt = bed.destination('usb', 'store', { service, set: 'set-one', directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_USAGE' });
});
