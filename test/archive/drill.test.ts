/** Restores that are tried out: into a place of their own, compared with the index and with what lives, and removed. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { drillPlace } from '#archive/drill.ts';
import type { JsonObject } from '#kernel/json.ts';
import { type Bed, flipByte, makeSet, openBed, SERVICE, writeTree } from '#test/archive/bed.ts';
import { needs } from '#test/support/needs.ts';

beforeEach((context) => needs(context, 'tar', 'zstd'));

const PLACE = { service: SERVICE, place: 'drill-one' };
const UNPACK = { ...PLACE, destination: 'usb', maxBytes: 1_000_000 };

/** A bed with one set at one destination, and nothing in staging. */
async function openDrilled(): Promise<{ bed: Bed; source: string }> {
  const bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'deep/b.txt': 'two', 'c.txt': 'three' });
  await symlink('a.txt', join(source, 'link'));
  bed.addDestination('usb', { path: join(bed.folder, 'usb') });
  await store(bed, source, 'set-one');
  return { bed, source };
}

async function store(bed: Bed, source: string, set: string): Promise<void> {
  await makeSet(bed, source, { set });
  await bed.archive('copy', { service: SERVICE, set, to: 'usb' });
  await bed.archive('discard', { service: SERVICE, set });
}

const rootOf = (bed: Bed) => drillPlace(bed.stateDir, PLACE.place).root;

const staging = async (bed: Bed) => readdir(join(bed.stateDir, 'backups/staging'));

test('a drill restores the newest set of a destination apart, finds all of it as it was, and leaves nothing', async () => {
  const { bed, source } = await openDrilled();
  await using _bed = bed;
  await writeFile(join(source, 'c.txt'), 'changed');
  await store(bed, source, 'set-two');

  const unpacked = await bed.archive('unpack', UNPACK);
  const copy = await readFile(join(rootOf(bed), source, 'c.txt'), 'utf8');
  const compared = await bed.archive('compare', PLACE);
  await bed.archive('discard', { service: SERVICE, set: PLACE.place });

  expect(unpacked).toMatchObject({ set: 'set-two', files: 4, trees: [{ path: source, realPath: source }] });
  expect(copy).toBe('changed');
  expect(compared).toMatchObject({ entries: 6, live: 3 });
  expect(await staging(bed)).toEqual([]);
  expect(await readFile(join(source, 'c.txt'), 'utf8')).toBe('changed');
});

test('a set that holds more than a drill may unpack is refused before a byte of it is unpacked', async () => {
  const { bed } = await openDrilled();
  await using _bed = bed;

  const attempt = bed.archive('unpack', { ...UNPACK, maxBytes: 5 });

  await expect(attempt).rejects.toMatchObject({
    code: 'HA_NO_SPACE',
    message: expect.stringContaining('set-one holds 11 B'),
  });
  expect(await staging(bed)).toEqual([]);
});

test('a copy that is damaged fails its drill', async () => {
  const { bed } = await openDrilled();
  await using _bed = bed;
  await flipByte(join(bed.folder, 'usb', SERVICE, 'set-one/data.tar.zst'), 20);

  await expect(bed.archive('unpack', UNPACK)).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
});

test.each<[string, (root: string) => Promise<void>, string]>([
  ['its content', async (root) => keepingTime(join(root, 'a.txt'), 'eno'), 'its content is another'],
  ['its size', async (root) => writeFile(join(root, 'a.txt'), 'more than it was'), 'its size is another'],
  ['its name', async (root) => rename(join(root, 'a.txt'), join(root, 'z.txt')), 'it is missing'],
])('a file that came back with another of %s is named', async (_what, spoil, reason) => {
  const { bed, source } = await openDrilled();
  await using _bed = bed;
  await bed.archive('unpack', UNPACK);
  await spoil(join(rootOf(bed), source));

  const attempt = bed.archive('compare', PLACE);

  await expect(attempt).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
  await expect(attempt).rejects.toThrow(`${source}/a.txt did not come back as it was: ${reason}`);
});

test('a living file that has changed since is not compared; one that only looks unchanged fails the drill', async () => {
  const { bed, source } = await openDrilled();
  await using _bed = bed;
  await bed.archive('unpack', UNPACK);
  await writeFile(join(source, 'c.txt'), 'changed since');
  const healthy = await bed.archive('compare', PLACE);
  await keepingTime(join(source, 'a.txt'), 'eno');

  const rotten = bed.archive('compare', PLACE);

  expect(healthy).toMatchObject({ live: 2 });
  await expect(rotten).rejects.toMatchObject({ code: 'HA_CHECK_FAILED' });
  await expect(rotten).rejects.toThrow(`the first is ${source}/a.txt`);
});

test('a drill that was cut short begins anew, and a destination without a backup is told', async () => {
  const { bed } = await openDrilled();
  await using _bed = bed;
  await bed.archive('unpack', UNPACK);
  await writeFile(join(rootOf(bed), 'left'), 'by the first one');

  await bed.archive('unpack', UNPACK);
  await mkdir(join(bed.folder, 'empty'));
  bed.addDestination('empty', { path: join(bed.folder, 'empty') });
  const none = bed.archive('unpack', { ...UNPACK, destination: 'empty' });

  expect(await readdir(rootOf(bed))).not.toContain('left');
  await expect(none).rejects.toThrow('empty has no backup of notes');
});

test('what was proven tells how long it took, and how old the data was', async () => {
  const { bed } = await openDrilled();
  await using _bed = bed;
  const createdAt = new Date(Date.now() - 7_200_000).toISOString();
  const facts: JsonObject = { service: SERVICE, set: 'set-one', destination: 'usb', createdAt, unpackMs: 1_500 };

  const files = await bed.archive('attest', { ...facts, startMs: null });
  const all = await bed.archive('attest', { ...facts, startMs: 2_500 });

  expect(files).toMatchObject({ recoveryMs: 1_500, started: false });
  expect(files['dataAgeMs']).toBeGreaterThanOrEqual(7_200_000);
  expect(all).toMatchObject({ recoveryMs: 4_000, started: true });
  expect(all['summary']).toBe('restored and working from usb in 4.0 s; its data was 2 h old');
  const guest = await bed.archive('attest', { ...facts, of: 'guest', startMs: 2_500, works: false });
  expect(guest).toMatchObject({ of: 'guest', summary: expect.stringMatching(/^restored and started from usb/) });
});

/** As a disk that rots does it. */
async function keepingTime(path: string, content: string): Promise<void> {
  execFileSync('touch', ['-r', path, `${path}.time`]);
  await writeFile(path, content);
  execFileSync('touch', ['-r', `${path}.time`, path]);
  await rm(`${path}.time`);
}
