/** A repository of restic keeps whole sets, encrypted and what they share once, and nothing of others is touched. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { flipByte, makeSet, SERVICE } from '#test/archive/bed.ts';
import { comesBackEncrypted, comesBackWhole, keepsWord, SET, stageSet } from '#test/plugins/destinations/promises.ts';
import {
  bytesBelow,
  openBucket,
  openLocal,
  openRemote,
  openRest,
  openSftp,
} from '#test/plugins/destinations/restic-places.ts';

const run = promisify(execFile);
const AT = { ...SET, destination: 'nas' };

describe('a directory', () => {
  keepsWord(openLocal);
  comesBackEncrypted(openLocal);
});

describe('a REST server with a login', () => {
  comesBackWhole(openRest);
});

describe('a machine with OpenSSH', () => {
  comesBackWhole(openSftp);
});

describe('a bucket', () => {
  comesBackWhole(openBucket);
});

describe('a remote of rclone', () => {
  comesBackWhole(openRemote);
});

test('a set is restored by hand with restic and what is in it, without anything of ours', async (context) => {
  await using place = await openLocal(context);
  const { bed } = place;
  const { source, directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  const [folder, to] = [join(bed.folder, 'by-hand'), join(bed.folder, 'to')];
  await mkdir(to);

  await place.restic('restore', 'latest', '--tag=homelab-autopilot,service:notes', '--target', folder);
  await run('sh', [join(folder, 'restore.sh'), 'restore', to]);

  expect((await readdir(folder)).toSorted()).toEqual(['SHA256SUMS', 'data.tar.zst', 'manifest.json', 'restore.sh']);
  await run('diff', ['--recursive', source, join(to, source)]);
});

test('other data under the name of a set takes its place', async (context) => {
  await using place = await openLocal(context);
  const { bed } = place;
  const { source, directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  await bed.archive('verifyCopy', AT);
  await rm(directory, { recursive: true });
  await makeSet(bed, source);

  await bed.destination('nas', 'store', { ...SET, directory });

  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ verifiedAt: null }]);
  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  expect((await place.parts()).length).toBe(4);
});

test('a set that is there twice, since an answer was lost, counts as one and is removed as one', async (context) => {
  await using place = await openLocal(context);
  const { bed } = place;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  const [first] = await place.snapshots();
  const tags = (first?.tags ?? []).map((tag) => `--tag=${tag}`);
  await run('restic', ['backup', '--host=nas', ...tags, 'manifest.json', 'data.tar.zst', 'SHA256SUMS', 'restore.sh'], {
    cwd: directory,
    env: place.environment,
  });

  await bed.destination('nas', 'annotate', { ...SET, pinned: true });
  await bed.destination('nas', 'store', { ...SET, directory });
  const listed = await bed.destination('nas', 'list', {});
  const removed = await bed.destination('nas', 'remove', SET);

  expect(listed).toMatchObject({ sets: [{ id: 'set-one', pinned: true }] });
  expect(removed).toEqual({ removed: true });
  expect(await place.snapshots()).toEqual([]);
});

test('snapshots of others are neither listed nor removed, whatever tags they have', async (context) => {
  await using place = await openLocal(context);
  const { bed } = place;
  const { source, directory } = await stageSet(bed);
  await place.restic('backup', '--tag=service:notes,set:set-one', source);
  await place.restic('backup', '--tag=homelab-autopilot,service:notes,set:set-one', source);
  await place.restic('backup', '--tag=homelab-autopilot-note,holiday', source);
  await bed.destination('nas', 'store', { ...SET, directory });

  const listed = await bed.destination('nas', 'list', {});
  const removed = await bed.destination('nas', 'remove', SET);
  const again = await bed.destination('nas', 'remove', SET);

  expect(listed).toMatchObject({
    sets: [{ id: 'set-one' }],
    unreadable: [{ reason: 'its tags are not those of a set' }],
  });
  expect([removed, again]).toEqual([{ removed: true }, { removed: false }]);
  expect(await place.snapshots()).toHaveLength(3);
});

test('what two sets have in common takes its room once, and is freed with the last of them', async (context) => {
  await using place = await openLocal(context);
  const { bed, root } = place;
  const { source, directory } = await stageSet(bed, 'set-one', 8 << 20);
  const second = await makeSet(bed, source, { set: 'set-two' });
  await bed.destination('nas', 'store', { ...SET, directory });
  const one = await bytesBelow(root);

  await bed.destination('nas', 'store', { service: SERVICE, set: 'set-two', directory: second });
  const two = await bytesBelow(root);
  await bed.destination('nas', 'remove', SET);
  const left = await bed.archive('verifyCopy', { service: SERVICE, set: 'set-two', destination: 'nas' });
  await bed.destination('nas', 'remove', { service: SERVICE, set: 'set-two' });

  expect(two - one).toBeLessThan(1 << 20);
  expect(left).toMatchObject({ how: 'read back' });
  expect(await bytesBelow(root)).toBeLessThan(1 << 20);
  expect(await place.snapshots()).toEqual([]);
});

test('damage is found when a copy is read back, and never handed on to a set that is called whole', async (context) => {
  await using place = await openLocal(context);
  const { bed, root } = place;
  const { directory } = await stageSet(bed, 'set-one', 20 << 20);
  await bed.destination('nas', 'store', { ...SET, directory });
  const [data = ''] = await packsOf(root);
  // In its middle: at its beginning there may be one of the small files of the set.
  await flipByte(data, Math.floor((await stat(data)).size / 2));

  await expect(bed.archive('verifyCopy', AT)).rejects.toThrow(/ is damaged: \S+: .*ciphertext verification failed/);
  const stored = bed.destination('nas', 'store', { ...SET, directory });
  await expect(stored).rejects.toMatchObject({
    code: 'HA_SET_CORRUPT',
    next: expect.stringContaining('restic rebuild-index'),
  });
  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ verifiedAt: null }]);
  // As it was said: restic does not send again what it believes to have.
  await rm(data);
  await place.restic('rebuild-index');
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  await place.restic('check', '--read-data');
});

/** The files of the repository in which there is data, the largest first. */
async function packsOf(root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'data'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sized = await Promise.all(files.map(async (file) => ({ file, bytes: (await readFile(file)).length })));
  return sized.toSorted((a, b) => b.bytes - a.bytes).map(({ file }) => file);
}
