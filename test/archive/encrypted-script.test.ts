/** The printed script restores an encrypted set by hand, and says what it lacks before it writes anything. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cp, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type Bed, makeSet, openBed, writeTree } from '#test/archive/bed.ts';
import { ageKey, type KeyPair } from '#test/archive/keys.ts';
import { needs } from '#test/support/needs.ts';

beforeEach((context) => needs(context, 'age', 'age-keygen'));

async function copiedSet(bed: Bed): Promise<{ set: string; source: string; key: KeyPair }> {
  const source = await writeTree(join(bed.folder, 'srv'), { 'a b.txt': 'one', 'deep/c.txt': 'two' });
  const set = join(bed.folder, 'a copy');
  const key = await ageKey(bed.folder);
  const encryption = { recipients: [key.recipient], identity: null };
  await cp(await makeSet(bed, source, { encryption }), set, { recursive: true });
  return { set, source, key };
}

function script(set: string, words: string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const env = { PATH: process.env['PATH'] ?? '', ...options.env };
  return spawnSync('sh', [join(set, 'restore.sh'), ...words], { encoding: 'utf8', env, cwd: options.cwd ?? '/' });
}

test('it restores with the identity that it is given, also by a path that is relative', async () => {
  await using bed = await openBed();
  const { set, source, key } = await copiedSet(bed);

  const run = script(set, ['restore', 'to here'], { cwd: bed.folder, env: { AGE_IDENTITY: basename(key.file) } });

  expect(run.stderr).toContain('restored into');
  expect(await readFile(join(bed.folder, 'to here', source, 'a b.txt'), 'utf8')).toBe('one');
});

test('it lists with the identity, and verifies without', async () => {
  await using bed = await openBed();
  const { set, source, key } = await copiedSet(bed);

  const listed = script(set, ['list'], { env: { AGE_IDENTITY: key.file } });
  const verified = script(set, ['verify']);

  expect(listed.stdout).toContain(`${source.slice(1)}/deep/c.txt`);
  expect(verified.stderr).toContain('data.tar.zst.age: OK');
  expect(verified.status).toBe(0);
});

test.each([
  ['no identity is named', async () => ({}), 'this set is encrypted: name the file with your identity'],
  ['its file is not there', async () => ({ AGE_IDENTITY: '/nowhere/key' }), 'there is no file /nowhere/key'],
  [
    'it is another one',
    async (bed: Bed) => ({ AGE_IDENTITY: (await ageKey(bed.folder)).file }),
    'does not open this set',
  ],
  ['age is not installed', async (bed: Bed) => ({ PATH: await withoutAge(bed) }), 'needs age; install it'],
] as const)('it says so and writes nothing when %s', async (_what, envOf, message) => {
  await using bed = await openBed();
  const { set } = await copiedSet(bed);
  const to = join(bed.folder, 'to');

  const run = script(set, ['restore', to], { env: { ...(await envOf(bed)) } });

  expect(run.stderr).toContain(message);
  expect(run.status).toBe(1);
  await expect(stat(to)).rejects.toThrow('ENOENT');
});

async function withoutAge(bed: Bed): Promise<string> {
  const folder = join(bed.folder, 'bin');
  await writeTree(folder, { note: '' });
  for (const tool of ['sh', 'dirname', 'pwd', 'cat', 'tar', 'zstd', 'sha256sum', 'mkdir', 'grep', 'id']) {
    const found = execFileSync('sh', ['-c', `command -v ${tool} || true`], { encoding: 'utf8' }).trim();
    if (found.startsWith('/')) await symlink(found, join(folder, tool));
  }
  return folder;
}

test('it tells how each dump is put back', async () => {
  await using bed = await openBed();
  const { set, key } = await copiedSet(bed);
  await writeFile(join(set, 'dump-1-postgresql.zst.age'), '');

  const { stderr } = script(set, ['list'], { env: { AGE_IDENTITY: key.file } });

  expect(stderr).toContain(`age -d -i ${key.file} dump-1-postgresql.zst.age | zstd -dcq | psql`);
});
