/** A restore brings back what the set has, destroys nothing unasked, and is never seen half done. */
import { link, lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeSet, openBed, restore, writeTree } from '#test/archive/bed.ts';
import { mountTmpfs } from '#test/support/mounts.ts';

const FILES = { 'a.txt': 'one', 'deep/b.txt': 'two', 'deep/c.txt': 'three' };

test('a destroyed tree is back in its place', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await rm(source, { recursive: true });

  const report = await restore(bed, directory);

  expect(report).toMatchObject({ files: 3, targets: [source] });
  expect(await readFile(join(source, 'deep/b.txt'), 'utf8')).toBe('two');
  expect(await readdir(bed.folder)).toEqual(['srv']);
});

test('files that are newer than the set, or not in it, are named and nothing is changed', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await writeTree(source, { 'a.txt': 'changed', 'new.txt': 'mine' });

  const attempt = restore(bed, directory);

  await expect(attempt).rejects.toMatchObject({ code: 'HA_RESTORE_REFUSED' });
  await expect(attempt).rejects.toThrow(
    `1 file newer than the set (${source}/a.txt), and 1 file not in the set (${source}/new.txt)`,
  );
  expect(await readFile(join(source, 'a.txt'), 'utf8')).toBe('changed');
});

test('with overwrite the tree is exactly that of the set', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await writeTree(source, { 'a.txt': 'changed', 'new.txt': 'mine' });

  await restore(bed, directory, { overwrite: true });

  expect((await readdir(source)).sort()).toEqual(['a.txt', 'deep']);
  expect(await readFile(join(source, 'a.txt'), 'utf8')).toBe('one');
  expect(await readdir(bed.folder)).toEqual(['srv']);
});

test('files that the backup leaves out are left as they are by the restore', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { ...FILES, 'deep/cache/x': 'kept', 'y.tmp': 'kept too' });
  const directory = await makeSet(bed, source, { exclude: ['**/cache', '*.tmp'] });
  await rm(join(source, 'a.txt'));

  await restore(bed, directory);

  expect(await readFile(join(source, 'a.txt'), 'utf8')).toBe('one');
  expect(await readFile(join(source, 'deep/cache/x'), 'utf8')).toBe('kept');
  expect(await readFile(join(source, 'y.tmp'), 'utf8')).toBe('kept too');
});

test('only brings back the named files and leaves all others alone', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await writeTree(source, { 'new.txt': 'mine', 'deep/c.txt': 'changed' });
  await rm(join(source, 'deep/b.txt'));

  const report = await restore(bed, directory, { only: ['deep/b.txt'] });

  expect(report.files).toBe(1);
  expect(await readFile(join(source, 'deep/b.txt'), 'utf8')).toBe('two');
  expect(await readFile(join(source, 'deep/c.txt'), 'utf8')).toBe('changed');
  expect(await readFile(join(source, 'new.txt'), 'utf8')).toBe('mine');
});

test.each([
  ['*.txt', ['a.txt', 'deep/b.txt', 'deep/c.txt']],
  ['deep', ['deep/b.txt', 'deep/c.txt']],
  ['deep/*', ['deep/b.txt', 'deep/c.txt']],
  ['c.txt', ['deep/c.txt']],
])('the pattern %s chooses %j', async (pattern, expected) => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);

  await restore(bed, directory, { to: join(bed.folder, 'to'), only: [pattern] });

  const found = await readdir(join(bed.folder, 'to', source), { recursive: true });
  expect(found.filter((name) => name.endsWith('.txt')).sort()).toEqual(expected);
});

test('only by an absolute path brings back a hard link without its other name', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'first.txt': 'same' });
  await link(join(source, 'first.txt'), join(source, 'second.txt'));
  const directory = await makeSet(bed, source);
  const names = (await readdir(source)).sort();

  for (const name of names) await restore(bed, directory, { to: join(bed.folder, name), only: [join(source, name)] });

  for (const name of names) expect(await readdir(join(bed.folder, name, source))).toEqual([name]);
  expect(await readFile(join(bed.folder, 'second.txt', source, 'second.txt'), 'utf8')).toBe('same');
});

test('only refuses a file that is newer than the set', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await writeTree(source, { 'a.txt': 'changed' });

  await expect(restore(bed, directory, { only: ['a.txt'] })).rejects.toMatchObject({ code: 'HA_RESTORE_REFUSED' });
  await restore(bed, directory, { only: ['a.txt'], overwrite: true });

  expect(await readFile(join(source, 'a.txt'), 'utf8')).toBe('one');
});

test('a pattern that matches nothing is told', async () => {
  await using bed = await openBed();
  const directory = await makeSet(bed, await writeTree(join(bed.folder, 'srv'), FILES));

  await expect(restore(bed, directory, { only: ['nothing.txt'] })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
});

test('a restore that was killed between its two renames is put right by the next one', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await rename(source, join(bed.folder, '.autopilot-replaced-set-one-srv'));
  await mkdir(join(bed.folder, '.autopilot-restore-set-one'));

  await restore(bed, directory);

  expect(await readdir(bed.folder)).toEqual(['srv']);
  expect((await readdir(source)).sort()).toEqual(['a.txt', 'deep']);
});

test('a directory keeps its time and mode, and so does the source itself', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  await utimes(join(source, 'deep'), 1_600_000_000, 1_600_000_000);
  await utimes(source, 1_500_000_000, 1_500_000_000);
  const directory = await makeSet(bed, source);
  await rm(source, { recursive: true });

  await restore(bed, directory);

  expect((await lstat(source)).mtimeMs).toBe(1_500_000_000_000);
  expect((await lstat(join(source, 'deep'))).mtimeMs).toBe(1_600_000_000_000);
});

test('a source that is a mount point is filled again without being unmounted', async (context) => {
  await using bed = await openBed();
  await using mounted = await mountTmpfs(context, join(bed.folder, 'srv'), '8m');
  await writeTree(mounted.path, { ...FILES, 'cache/x': 'kept' });
  const directory = await makeSet(bed, mounted.path, { exclude: ['cache'] });
  await writeTree(mounted.path, { 'new.txt': 'mine', 'a.txt': 'changed' });

  await restore(bed, directory, { overwrite: true });

  expect((await readdir(mounted.path)).sort()).toEqual(['a.txt', 'cache', 'deep']);
  expect(await readFile(join(mounted.path, 'a.txt'), 'utf8')).toBe('one');
  expect(await readFile(join(mounted.path, 'cache/x'), 'utf8')).toBe('kept');
});

test('a tree with a mount in it is not replaced', async (context) => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), FILES);
  const directory = await makeSet(bed, source);
  await using _mounted = await mountTmpfs(context, join(source, 'inner'), '1m');

  await expect(restore(bed, directory, { overwrite: true })).rejects.toThrow(`${source}/inner is mounted inside of`);
});

test('a restore that cannot fit is refused before it begins', async (context) => {
  await using bed = await openBed();
  await using mounted = await mountTmpfs(context, join(bed.folder, 'small'), '1m');
  await mkdir(join(bed.folder, 'srv'));
  await writeFile(join(bed.folder, 'srv/large'), Buffer.alloc(3 << 20, 'x'));
  const directory = await makeSet(bed, join(bed.folder, 'srv'));

  await expect(restore(bed, directory, { to: mounted.path })).rejects.toMatchObject({ code: 'HA_NO_SPACE' });

  expect(await readdir(mounted.path)).toEqual([]);
});
