/** Sealing is done again after it was cut short anywhere, or after all was taken back to the instant of the capture. */
import { readdir, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bed, openBed, SERVICE, verify, writeTree } from '#test/archive/bed.ts';

test('a seal that was killed when all was written, before the set had its name, is completed by the next one', async () => {
  await using bed = await openBed();
  const path = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'dir/b.txt': 'two' });
  const set = { set: 'set-one', service: SERVICE };
  await bed.archive('capture', {
    ...set,
    run: 'run1',
    sources: [{ path, exclude: [] }],
    compression: { algorithm: 'zstd', level: 1 },
  });
  await bed.archive('seal', set);
  await rename(bed.staged('set-one'), `${bed.staged('set-one')}.partial`);

  await bed.archive('seal', set);

  expect(await verify(bed, bed.staged('set-one'))).toMatchObject({ ok: true });
});

describe('a set whose host went back to the instant of its capture', () => {
  const set = { set: 'set-one', service: SERVICE };

  async function captured(bed: Bed): Promise<void> {
    const path = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'dir/b.txt': 'two' });
    const sources = [{ path, exclude: [] }];
    const compression = { algorithm: 'zstd', level: 1 };
    await bed.archive('capture', { ...set, run: 'run1', sources, compression, durable: true });
  }

  test('is sealed once more, and whole', async () => {
    await using bed = await openBed();
    await captured(bed);

    expect(await bed.archive('reseal', set)).toEqual({ summary: '2 files read back (6 B), all match' });

    expect(await verify(bed, bed.staged('set-one'))).toMatchObject({ ok: true });
    expect(await bed.archive('reseal', set)).toEqual({ summary: 'the set is here as it was' });
  });

  test('is left to its copies when a part of it had not reached the disk', async () => {
    await using bed = await openBed();
    await captured(bed);
    await truncate(join(`${bed.staged('set-one')}.partial`, 'data.tar.zst'), 20);

    expect(await bed.archive('reseal', set)).toEqual({
      summary: expect.stringContaining('what is here of the set is not whole: '),
    });

    await expect(readdir(bed.staged('set-one'))).rejects.toThrow('ENOENT');
  });

  test('is not there when it was captured elsewhere', async () => {
    await using bed = await openBed();

    expect(await bed.archive('reseal', set)).toEqual({ summary: 'nothing of the set is here' });
  });
});
