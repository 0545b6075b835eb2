/** The steps of a backup around the capture: preflight, copies, their verification, retention. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mergeCatalog } from '#archive/catalog.ts';
import { setFiles } from '#archive/set-files.ts';
import { judgeSpace } from '#archive/space.ts';
import { type Bed, flipByte, makeSet, openBed, SERVICE, writeTree } from '#test/archive/bed.ts';
import { mountTmpfs } from '#test/support/mounts.ts';

async function openTwo(): Promise<{ bed: Bed; source: string }> {
  const bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'deep/b.txt': 'two' });
  for (const name of ['usb', 'vault']) bed.addDestination(name, { path: join(bed.folder, name) });
  return { bed, source };
}

const SET = { service: SERVICE, set: 'set-one' };

test('preflight counts what there is and tells the room everywhere', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;

  const output = await bed.archive('preflight', { sources: [{ path: source }], destinations: ['usb', 'vault'] });

  expect(output).toMatchObject({ files: 2, contentBytes: 6, warnings: [] });
  expect(output['summary']).toMatch(/^2 files \(6 B\) readable, usb .* free, vault .* free$/);
});

test('preflight warns of one destination that is away, and fails when all are', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  bed.addDestination('away', { path: join(bed.folder, 'no/where') });

  const output = await bed.archive('preflight', { sources: [{ path: source }], destinations: ['usb', 'away'] });
  const alone = bed.archive('preflight', { sources: [{ path: source }], destinations: ['away'] });

  expect(output['warnings']).toEqual([expect.stringContaining('away: ')]);
  await expect(alone).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
});

test('preflight fails for a destination inside of a source, whatever the others are', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  bed.addDestination('inside', { path: join(source, 'backups') });

  const attempt = bed.archive('preflight', { sources: [{ path: source }], destinations: ['usb', 'inside'] });

  await expect(attempt).rejects.toThrow(`inside: ${source}/backups lies in the source ${source}`);
});

test('a copy is verified against its checksums, and that is noted on it', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  await makeSet(bed, source);

  await bed.archive('copy', { ...SET, to: 'usb' });
  const verified = await bed.archive('verifyCopy', { ...SET, destination: 'usb' });

  const listed = await bed.destination('usb', 'list', {});
  expect(listed['sets']).toMatchObject([{ id: 'set-one', verifiedAt: verified['verifiedAt'] }]);
});

test('a damaged copy is found and the damaged part is named', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  await makeSet(bed, source);
  await bed.archive('copy', { ...SET, to: 'usb' });
  await flipByte(join(bed.folder, 'usb', SERVICE, 'set-one/data.tar.zst'), 20);

  const attempt = bed.archive('verifyCopy', { ...SET, destination: 'usb' });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
  await expect(attempt).rejects.toThrow('the copy of set-one on usb is damaged: data.tar.zst');
});

test('when staging is gone, a copy comes from a destination that has the set', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  await makeSet(bed, source);
  await bed.archive('copy', { ...SET, to: 'usb' });
  await bed.archive('discard', SET);

  await expect(bed.archive('copy', { ...SET, to: 'vault' })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
  await bed.archive('copy', { ...SET, to: 'vault', from: ['vault', 'usb'] });

  expect(await readdir(join(bed.folder, 'vault', SERVICE))).toEqual(['set-one']);
});

test('retention removes what no rule keeps, and only at the named destination', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  for (const set of ['set-one', 'set-two', 'set-three']) {
    await makeSet(bed, source, { set });
    for (const to of ['usb', 'vault']) await bed.archive('copy', { service: SERVICE, set, to });
  }
  await bed.destination('usb', 'annotate', { ...SET, pinned: true });

  const output = await bed.archive('retain', { service: SERVICE, destination: 'usb', retention: { keep_last: 1 } });

  expect(output).toMatchObject({ kept: 2, removed: ['set-two'], pinned: ['set-one'] });
  expect((await readdir(join(bed.folder, 'usb', SERVICE))).sort()).toEqual(['set-one', 'set-three']);
  expect(await readdir(join(bed.folder, 'vault', SERVICE))).toHaveLength(3);
});

test('the copies of one set are one restore point', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  await makeSet(bed, source);
  for (const to of ['usb', 'vault']) await bed.archive('copy', { ...SET, to });
  await bed.archive('verifyCopy', { ...SET, destination: 'vault' });
  const listings = await bed.withTools(async () =>
    Promise.all(
      ['usb', 'vault'].map(async (destination) => {
        const { sets } = await bed.destination(destination, 'list', {});
        return { destination, sets: sets as unknown as Parameters<typeof mergeCatalog>[0][number]['sets'] };
      }),
    ),
  );

  const points = mergeCatalog(listings);

  expect(points).toMatchObject([
    {
      id: 'set-one',
      copies: [
        { destination: 'usb', status: 'stored' },
        { destination: 'vault', status: 'verified' },
      ],
    },
  ]);
  expect(points[0]?.verifiedAt).not.toBeNull();
});

test('the files of a set are listed from its index, by pattern', async () => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  const directory = await makeSet(bed, source);

  const all = await Array.fromAsync(setFiles(directory));
  const some = await Array.fromAsync(setFiles(directory, 'deep/**'));

  expect(all).toHaveLength(4);
  expect(some.map(({ path }) => `/${path}`)).toEqual([`${source}/deep`, `${source}/deep/b.txt`]);
});

test.each([
  [1000, undefined, 40, 'error'],
  [1000, undefined, 60, 'warning'],
  [1000, undefined, 1000, 'nothing'],
  [1000, 0.5, 200, 'error'],
  [1000, 0.5, 550, 'warning'],
  [1000, 0.5, 650, 'nothing'],
])('%d bytes with a share of %s and %d bytes free: %s', (bytes, share, freeBytes, expected) => {
  const { error, warning } = judgeSpace(bytes, share, { name: 'usb', freeBytes });

  expect(error !== undefined ? 'error' : warning !== undefined ? 'warning' : 'nothing').toBe(expected);
});

test('preflight fails when the only destination has no room', async (context) => {
  const { bed, source } = await openTwo();
  await using _bed = bed;
  await using mount = await mountTmpfs(context, join(bed.folder, 'small'), '64k');
  bed.addDestination('small', { path: mount.path });
  await writeFile(join(source, 'large'), Buffer.alloc(4 << 20, 'x'));

  const attempt = bed.archive('preflight', { sources: [{ path: source }], destinations: ['small'] });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE', message: expect.stringContaining('small has') });
  await rm(join(source, 'large'));
});
