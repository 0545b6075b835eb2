/** What goes into a set comes out of it: every kind of file and all that is known about it. */
import { execFileSync } from 'node:child_process';
import { link, lstat, mkdir, readFile, readlink, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readHeader, readIndex } from '#archive/manifest.ts';
import { type Bed, COMPRESSION, makeSet, openBed, restore, SERVICE, verify, writeTree } from '#test/archive/bed.ts';
import { needs } from '#test/support/needs.ts';

async function indexOf(directory: string) {
  const lines = new Map<string, Awaited<ReturnType<typeof readOne>>>();
  for await (const line of readIndex(directory)) lines.set(line.path, line);
  return lines;
}
type Line = typeof readIndex extends (...args: never[]) => AsyncGenerator<infer T> ? T : never;
declare function readOne(): Promise<Line>;

/** A set of one source, restored to another directory. Returns where the source's copy is. */
async function roundTrip(bed: Bed, source: string): Promise<string> {
  const directory = await makeSet(bed, source);
  const to = join(bed.folder, 'restored');
  await restore(bed, directory, { to });
  return join(to, source);
}

test('content, modes, times and empty directories survive', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'deep/er/b.txt': 'two', 'empty.txt': '' });
  await mkdir(join(source, 'nothing'), { mode: 0o711 });
  await writeFile(join(source, 'run.sh'), 'x', { mode: 0o4750 });
  await utimes(join(source, 'a.txt'), 1_500_000_000.25, 1_500_000_000.25);

  const copy = await roundTrip(bed, source);

  expect(await readFile(join(copy, 'deep/er/b.txt'), 'utf8')).toBe('two');
  expect(await readFile(join(copy, 'empty.txt'), 'utf8')).toBe('');
  expect((await lstat(join(copy, 'nothing'))).mode & 0o7777).toBe(0o711);
  expect((await lstat(join(copy, 'run.sh'))).mode & 0o777).toBe(0o750);
  expect((await lstat(join(copy, 'a.txt'))).mtimeMs).toBe(1_500_000_000_250);
});

test('symlinks and hard links stay what they are, and dangling links are kept', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await link(join(source, 'a.txt'), join(source, 'same.txt'));
  await symlink('a.txt', join(source, 'to-a'));
  await symlink('/nowhere/at all', join(source, 'dangling'));

  const copy = await roundTrip(bed, source);

  expect(await readlink(join(copy, 'to-a'))).toBe('a.txt');
  expect(await readlink(join(copy, 'dangling'))).toBe('/nowhere/at all');
  expect((await lstat(join(copy, 'a.txt'))).ino).toBe((await lstat(join(copy, 'same.txt'))).ino);
});

test('names with spaces, newlines, leading dashes, 250 bytes and bytes that are no UTF-8 survive', async () => {
  await using bed = await openBed();
  const source = join(bed.folder, 'srv');
  await mkdir(source);
  const names = ['a b', 'new\nline', '-rf', '--help', 'back\\slash', '*?[x]', 'ümlaut 日本', `${'long'.repeat(62)}xx`];
  const bytes = [...names.map((name) => Buffer.from(name)), Buffer.from([0x66, 0xff, 0xfe, 0x80])];
  for (const name of bytes) await writeFile(Buffer.concat([Buffer.from(`${source}/`), name]), name);
  const odd = Buffer.from([0xc3, 0x28]);
  await mkdir(Buffer.concat([Buffer.from(`${source}/`), odd]));
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), odd, Buffer.from('/inside')]), 'in');

  const copy = await roundTrip(bed, source);

  for (const name of bytes) expect(await readFile(Buffer.concat([Buffer.from(`${copy}/`), name]))).toEqual(name);
  expect(await readFile(Buffer.concat([Buffer.from(`${copy}/`), odd, Buffer.from('/inside')]), 'utf8')).toBe('in');
});

test('a name that is no UTF-8 stands in the index in base64 besides', async () => {
  await using bed = await openBed();
  const source = join(bed.folder, 'srv');
  await mkdir(source);
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff])]), 'x');

  const index = await indexOf(await makeSet(bed, source));

  const odd = [...index.values()].find(({ pathBase64 }) => pathBase64 !== undefined);
  expect(Buffer.from(odd?.pathBase64 ?? '', 'base64').subarray(-2)).toEqual(Buffer.from([0x66, 0xff]));
});

test('sparse files keep their holes and their hash is that of the whole file', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'disk.img': 'head' });
  await truncate(join(source, 'disk.img'), 64 << 20);
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${join(source, 'disk.img')}`,
    'bs=4096',
    'seek=4000',
    'count=3',
    'conv=notrunc',
    'status=none',
  ]);
  await truncate(join(source, 'all-hole'), 0).catch(() => writeFile(join(source, 'all-hole'), ''));
  await truncate(join(source, 'all-hole'), 5_000_001);

  const copy = await roundTrip(bed, source);

  const index = await indexOf(bed.staged('set-one'));
  const sum = execFileSync('sha256sum', [join(source, 'disk.img')], { encoding: 'utf8' }).slice(0, 64);
  const stats = await lstat(join(copy, 'disk.img'));
  expect(index.get(`${source.slice(1)}/disk.img`)?.sha256).toBe(sum);
  expect(execFileSync('sha256sum', [join(copy, 'disk.img')], { encoding: 'utf8' }).slice(0, 64)).toBe(sum);
  expect(stats.size).toBe(64 << 20);
  expect(stats.blocks * 512).toBeLessThan(1 << 20);
  expect((await lstat(join(copy, 'all-hole'))).size).toBe(5_000_001);
});

test('extended attributes survive', async (context) => {
  needs(context, 'setfattr', 'getfattr');
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  execFileSync('setfattr', ['-n', 'user.colour', '-v', 'blue=green\n', join(source, 'a.txt')]);

  const copy = await roundTrip(bed, source);

  const shown = execFileSync('getfattr', ['-n', 'user.colour', '--only-values', join(copy, 'a.txt')], {
    encoding: 'utf8',
  });
  expect(shown).toBe('blue=green\n');
});

test('access control lists survive, default ones of directories too', async (context) => {
  needs(context, 'setfacl', 'getfacl');
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'dir/a.txt': 'one' });
  execFileSync('setfacl', ['-m', 'u:12345:r', join(source, 'dir/a.txt')]);
  execFileSync('setfacl', ['-d', '-m', 'g:12346:rwx', join(source, 'dir')]);

  const copy = await roundTrip(bed, source);

  const file = execFileSync('getfacl', ['-cpn', join(copy, 'dir/a.txt')], { encoding: 'utf8' });
  const directory = execFileSync('getfacl', ['-cpn', join(copy, 'dir')], { encoding: 'utf8' });
  expect(file).toContain('user:12345:r--');
  expect(directory).toContain('default:group:12346:rwx');
});

test.skipIf(process.getuid?.() !== 0)('owners and devices survive when the superuser restores', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  execFileSync('chown', ['12345:23456', join(source, 'a.txt')]);
  execFileSync('mkfifo', [join(source, 'fifo')]);

  const copy = await roundTrip(bed, source);

  expect(await lstat(join(copy, 'a.txt'))).toMatchObject({ uid: 12345, gid: 23456 });
  expect((await lstat(join(copy, 'fifo'))).isFIFO()).toBe(true);
});

test('sockets are skipped and counted', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const server = createServer().listen(join(source, 's'));
  await new Promise((resolve) => server.once('listening', resolve));

  const directory = await makeSet(bed, source);

  server.close();
  expect((await readHeader(directory)).counts).toMatchObject({ skippedSockets: 1, files: 1, directories: 1 });
});

test('excluded files and directories are not in the set', async () => {
  await using bed = await openBed();
  const files = {
    'keep.txt': '1',
    'a/thumbnails/x.jpg': '2',
    'a/keep.jpg': '3',
    'b.tmp': '4',
    'a/c.tmp': '5',
    '.hidden.tmp': '6',
  };
  const source = await writeTree(join(bed.folder, 'srv'), files);

  const directory = await makeSet(bed, source, { exclude: ['**/thumbnails', './*.tmp'] });

  const names = [...(await indexOf(directory)).keys()].map((name) => name.slice(source.length));
  expect(names.sort()).toEqual(['', 'a', 'a/c.tmp', 'a/keep.jpg', 'keep.txt'].map((name) => name));
});

test('a source may be a single file, or a symlink, and both its names are recorded', async () => {
  await using bed = await openBed();
  const file = join(await writeTree(join(bed.folder, 'srv'), { 'one.conf': 'set' }), 'one.conf');
  await symlink(file, join(bed.folder, 'alias'));

  const directory = await makeSet(bed, join(bed.folder, 'alias'));
  await rm(file);
  await restore(bed, directory);

  expect((await readHeader(directory)).sources).toEqual([
    { path: join(bed.folder, 'alias'), realPath: file, exclude: [] },
  ]);
  expect(await readFile(file, 'utf8')).toBe('set');
});

test('a source that lies in another one is saved once', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'in/a.txt': 'one' });

  const directory = await makeSet(bed, [join(source, 'in'), source]);

  const header = await readHeader(directory);
  expect(header.counts).toMatchObject({ files: 1, directories: 2 });
  expect(header.warnings).toEqual([`${source}/in lies in ${source} and is saved with it`]);
});

test('the staging directory is never part of a set, even when it lies in a source', async () => {
  await using bed = await openBed();
  await writeTree(bed.stateDir, { 'other.txt': 'x' });

  const directory = await makeSet(bed, bed.stateDir);

  const names = [...(await indexOf(directory)).keys()];
  expect(names).toContain(`${bed.stateDir.slice(1)}/other.txt`);
  expect(names.filter((name) => name.includes('staging'))).toEqual([]);
});

test('two sources with a file that has a name in each are restored with the link between them', async () => {
  await using bed = await openBed();
  const one = await writeTree(join(bed.folder, 'one'), { 'a.txt': 'same' });
  const two = await writeTree(join(bed.folder, 'below/two'), { 'b.txt': 'other' });
  await link(join(one, 'a.txt'), join(two, 'linked.txt'));

  const directory = await makeSet(bed, [one, two]);
  await rm(one, { recursive: true });
  await rm(join(bed.folder, 'below'), { recursive: true });
  await restore(bed, directory);

  expect(await readFile(join(two, 'b.txt'), 'utf8')).toBe('other');
  expect((await lstat(join(one, 'a.txt'))).ino).toBe((await lstat(join(two, 'linked.txt'))).ino);
});

test('the manifest is one JSON document and the checksums are what sha256sum understands', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });

  const directory = await makeSet(bed, source);

  const manifest: unknown = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8'));
  const checked = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: directory, encoding: 'utf8' });
  expect(manifest).toMatchObject({ formatVersion: 1, set: 'set-one', service: SERVICE, host: 'nas', run: 'run1' });
  expect(checked.trim().split('\n').sort()).toEqual(['data.tar.zst: OK', 'manifest.json: OK', 'restore.sh: OK']);
});

test('a capture that is run again starts from scratch, and a set that is sealed stays sealed', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const capture = {
    set: 'set-one',
    service: SERVICE,
    run: 'run1',
    sources: [{ path: source }],
    compression: COMPRESSION,
  };
  await bed.archive('capture', capture);
  await writeTree(source, { 'b.txt': 'two' });

  const second = await bed.archive('capture', capture);
  const sealed = await bed.archive('seal', { set: 'set-one', service: SERVICE });
  const again = await bed.archive('seal', { set: 'set-one', service: SERVICE });

  expect(second).toMatchObject({ files: 2 });
  expect(again).toEqual(sealed);
  expect((await verify(bed, bed.staged('set-one'))).ok).toBe(true);
});
