/** Damage is found, and named by the file that it hit. */
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyParts } from '#archive/checksum.ts';
import { type Bed, flipByte, makeSet, openBed, restore, verify, writeTree } from '#test/archive/bed.ts';

/** Three files that zstd cannot compress, so that each byte of the archive belongs to one of them. */
async function randomSet(bed: Bed): Promise<{ directory: string; source: string }> {
  const source = await writeTree(join(bed.folder, 'srv'), {});
  await writeTree(source, { README: 'small' });
  for (const name of ['one', 'two', 'three']) await writeFile(join(source, `${name}.bin`), randomBytes(400_000));
  return { directory: await makeSet(bed, source), source };
}

test('a whole set is found whole', async () => {
  await using bed = await openBed();
  const { directory } = await randomSet(bed);

  expect(await verify(bed, directory)).toMatchObject({ ok: true, entries: 5, damagedFiles: 0, parts: [], files: [] });
});

test('one flipped byte in the data is found and the file is named', async () => {
  await using bed = await openBed();
  const { directory, source } = await randomSet(bed);
  await flipByte(join(directory, 'data.tar.zst'), 600_000);

  const report = await verify(bed, directory);

  expect(report.ok).toBe(false);
  expect(report.parts).toContainEqual({ part: 'data.tar.zst', reason: 'it does not match its checksum' });
  expect(report.files).toHaveLength(1);
  expect(report.files[0]?.path).toMatch(new RegExp(`^${source}/(one|two|three).bin$`));
  expect(report.files[0]?.reason).toBe('its content does not match its checksum');
});

test('a cut-off archive names the first file that cannot be read, and counts those after it', async () => {
  await using bed = await openBed();
  const { directory, source } = await randomSet(bed);
  await truncate(join(directory, 'data.tar.zst'), (await stat(join(directory, 'data.tar.zst'))).size - 500_000);

  const report = await verify(bed, directory);

  expect(report.ok).toBe(false);
  expect(report.unreadableFiles).toBeGreaterThanOrEqual(2);
  expect(report.files[0]?.path).toContain(source);
  expect(report.files[0]?.reason).toContain('cannot be read');
});

test('a broken compressed frame is told as what zstd says, with the first file that it hit', async () => {
  await using bed = await openBed();
  const { directory } = await randomSet(bed);
  await flipByte(join(directory, 'data.tar.zst'), 0);

  const report = await verify(bed, directory);

  expect(report).toMatchObject({ ok: false, unreadableFiles: 5 });
});

test.each([
  ['manifest.json', -40],
  ['manifest.json', 30],
  ['restore.sh', 10],
])('a flipped byte in %s is found', async (part, offset) => {
  await using bed = await openBed();
  const { directory } = await randomSet(bed);
  await flipByte(join(directory, part), offset);

  const report = await verify(bed, directory);

  expect(report.ok).toBe(false);
  expect(report.parts.map((problem) => problem.part)).toContain(part);
});

test('a missing part is named', async () => {
  await using bed = await openBed();
  const { directory } = await randomSet(bed);
  await rm(join(directory, 'restore.sh'));

  const { problems } = await verifyParts(directory, { signal: new AbortController().signal });

  expect(problems).toEqual([{ part: 'restore.sh', reason: 'it is missing' }]);
});

test('a restore of a damaged set changes nothing and leaves nothing behind', async () => {
  await using bed = await openBed();
  const { directory, source } = await randomSet(bed);
  await flipByte(join(directory, 'data.tar.zst'), 600_000);
  const before = await stat(join(source, 'one.bin'));

  const attempt = restore(bed, directory);

  await expect(attempt).rejects.toMatchObject({ code: 'HA_SET_CORRUPT', message: expect.stringContaining(source) });
  expect((await stat(join(source, 'one.bin'))).ino).toBe(before.ino);
  expect(await readdir(bed.folder)).toEqual(['srv']);
});

test('what was captured and changed on the disk before it was sealed is not sealed', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const compression = { algorithm: 'zstd', level: 1 };
  const input = { set: 'set-one', service: 'notes', run: 'r', sources: [{ path: source }], compression };
  await bed.archive('capture', input);
  await flipByte(join(`${bed.staged('set-one')}.partial`, 'data.tar.zst'), -2);

  const attempt = bed.archive('seal', { set: 'set-one', service: 'notes' });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
  expect(await readdir(join(bed.stateDir, 'backups/staging'))).toEqual(['set-one.partial']);
});
