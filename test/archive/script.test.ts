/** The printed script restores a set on its own, with stock tools. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Bed, flipByte, makeSet, openBed, writeTree } from '#test/archive/bed.ts';

async function copiedSet(bed: Bed): Promise<{ set: string; source: string }> {
  const source = await writeTree(join(bed.folder, 'srv'), { 'a b.txt': 'one', 'deep/c.txt': 'two' });
  const set = join(bed.folder, 'a copy');
  await cp(await makeSet(bed, source), set, { recursive: true });
  return { set, source };
}

test('it restores everything below the given directory', async () => {
  await using bed = await openBed();
  const { set, source } = await copiedSet(bed);

  execFileSync('sh', [join(set, 'restore.sh'), 'restore', 'to here'], { cwd: bed.folder, stdio: 'ignore' });

  expect(await readFile(join(bed.folder, 'to here', source, 'a b.txt'), 'utf8')).toBe('one');
});

test('it restores single members by their absolute names', async () => {
  await using bed = await openBed();
  const { set, source } = await copiedSet(bed);
  const to = join(bed.folder, 'to');

  execFileSync('sh', [join(set, 'restore.sh'), 'restore', to, `${source}/deep/`], { stdio: 'ignore' });

  expect(execFileSync('find', [to, '-type', 'f'], { encoding: 'utf8' })).toBe(`${to}${source}/deep/c.txt\n`);
});

test('a directory alone is enough to say what is wanted', async () => {
  await using bed = await openBed();
  const { set, source } = await copiedSet(bed);
  const to = join(bed.folder, 'in a hurry');

  execFileSync('sh', [join(set, 'restore.sh'), to], { stdio: 'ignore' });

  expect(await readFile(join(to, source, 'deep/c.txt'), 'utf8')).toBe('two');
});

test('it lists and verifies', async () => {
  await using bed = await openBed();
  const { set, source } = await copiedSet(bed);

  const listed = execFileSync('sh', [join(set, 'restore.sh'), 'list'], { encoding: 'utf8' });
  const verified = spawnSync('sh', [join(set, 'restore.sh'), 'verify']);

  expect(listed).toContain(`${source.slice(1)}/deep/c.txt`);
  expect(verified.status).toBe(0);
});

test('it refuses a damaged set and restores nothing', async () => {
  await using bed = await openBed();
  const { set } = await copiedSet(bed);
  await flipByte(join(set, 'data.tar.zst'), 40);

  const run = spawnSync('sh', [join(set, 'restore.sh'), 'restore', join(bed.folder, 'to')], { encoding: 'utf8' });

  expect(run.status).toBe(1);
  expect(run.stderr).toContain('this set is damaged; nothing was restored');
});

test('it explains itself when it is called without a word', async () => {
  await using bed = await openBed();
  const { set } = await copiedSet(bed);

  const run = spawnSync('sh', [join(set, 'restore.sh')], { encoding: 'utf8' });

  expect(run.status).toBe(2);
  expect(run.stderr).toContain('usage: sh restore.sh');
});
