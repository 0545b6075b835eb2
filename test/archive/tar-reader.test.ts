/** The tar reader takes archives as they come: in any pieces, and cut off or broken ones as what they are. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { link, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rawText } from '#archive/raw.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { readTar } from '#archive/tar/reader.ts';
import { makeSet, openBed, verify, writeTree } from '#test/archive/bed.ts';
import { tarOf } from '#test/archive/forge.ts';
import { tempDir } from '#test/support/tmp.ts';

/** Hands over the archive in pieces of the given sizes, each in the memory of the one before it, as a pipe does. */
async function* inPieces(archive: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  const shared = [Buffer.alloc(Math.max(...sizes)), Buffer.alloc(Math.max(...sizes))];
  for (let at = 0, turn = 0; at < archive.length; turn++) {
    const size = Math.min(sizes[turn % sizes.length] ?? 1, archive.length - at);
    const memory = shared[turn % 2] ?? Buffer.alloc(0);
    archive.copy(memory, 0, at, at + size);
    yield memory.subarray(0, size);
    at += size;
  }
}

async function membersOf(archive: Buffer, sizes: readonly number[] = [65_536]): Promise<TarMember[]> {
  const members: TarMember[] = [];
  for await (const { finished } of readTar(inPieces(archive, sizes))) members.push(...finished);
  return members;
}

/** An archive of GNU tar with extended headers, a sparse file, a hard link and a long name. */
async function gnuArchive(): Promise<Buffer> {
  await using dir = await tempDir();
  await writeTree(dir.path, { 'a.txt': 'one', [`deep/${'long'.repeat(60)}`]: 'x'.repeat(5000), 'sparse.img': 'head' });
  await truncate(join(dir.path, 'sparse.img'), 3_000_000);
  await writeFile(join(dir.path, 'sparse.img'), 'tail', { flag: 'a' });
  await link(join(dir.path, 'a.txt'), join(dir.path, 'b.txt'));
  return execFileSync('tar', ['-C', dir.path, '--format=posix', '--sparse', '--sort=name', '-cf', '-', '.'], {
    maxBuffer: 1 << 24,
  });
}

test('an archive of GNU tar is read the same in whatever pieces it comes', async () => {
  const archive = await gnuArchive();
  const whole = await membersOf(archive);

  expect(whole.map(({ name, type }) => [rawText(name).slice(0, 12), type])).toEqual([
    ['.', 'directory'],
    ['./a.txt', 'file'],
    ['./b.txt', 'hardlink'],
    ['./deep', 'directory'],
    ['./deep/longl', 'file'],
    ['./sparse.img', 'file'],
  ]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 8 }), async (sizes) => {
      expect(await membersOf(archive, sizes)).toEqual(whole);
    }),
    { numRuns: 25 },
  );
});

test('every file has the SHA-256 of its content', async () => {
  const [member] = await membersOf(tarOf([{ name: 'a', content: 'hello' }]), [100]);

  expect(member?.sha256).toBe(createHash('sha256').update('hello').digest('hex'));
});

test('an archive that is cut off anywhere is never taken for a whole one', async () => {
  const archive = tarOf([
    { name: 'a', content: 'x'.repeat(700) },
    { name: 'b', content: 'y' },
  ]);

  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: archive.length - 512 }), async (length) => {
      await expect(membersOf(archive.subarray(0, length))).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
    }),
  );
});

test('a flipped bit in a header is found', async () => {
  const archive = tarOf([{ name: 'a', content: 'x' }]);

  await fc.assert(
    // The two bytes that end the checksum field say nothing, and readers differ in what they accept there.
    fc.asyncProperty(
      fc.integer({ min: 0, max: 262 }).filter((at) => at !== 154 && at !== 155),
      async (at) => {
        const broken = Buffer.from(archive);
        broken[at] = (broken[at] ?? 0) ^ 0x02;
        await expect(membersOf(broken)).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
      },
    ),
  );
});

test('memory does not grow with the size of a file', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'small.txt': 'one' });
  execFileSync('dd', ['if=/dev/zero', `of=${source}/large`, 'bs=1M', 'count=300', 'status=none']);
  const before = process.memoryUsage.rss();

  const directory = await makeSet(bed, source);
  const report = await verify(bed, directory);

  expect(report).toMatchObject({ ok: true, entries: 3 });
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 << 20);
});
