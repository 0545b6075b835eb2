/** Crafted archives are refused before anything is written outside of what a set may restore. */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBed, restore } from '#test/archive/bed.ts';
import { type ForgedMember, forgeSet } from '#test/archive/forge.ts';

/** Tries to restore a forged set into an empty directory. Gives the error, and what is in that directory after it. */
async function attempt(members: (root: string) => ForgedMember[]) {
  await using bed = await openBed();
  const to = join(bed.folder, 'to');
  await mkdir(to);
  await writeFile(join(bed.folder, 'victim'), 'untouched');
  const directory = join(bed.folder, 'set');
  await forgeSet(directory, '/srv/notes', members('srv/notes'));
  const error: unknown = await restore(bed, directory, { to, overwrite: true }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return {
    error,
    left: await readdir(to, { recursive: true }),
    victim: await readFile(join(bed.folder, 'victim'), 'utf8'),
  };
}

test('a set that is made by hand and tells no lies is restored', async () => {
  const { error, left } = await attempt((root) => [
    { name: root, type: 'directory' },
    { name: `${root}/a.txt`, content: 'one' },
    { name: `${root}/link`, type: 'symlink', link: '/etc/passwd' },
  ]);

  expect(error).toBeUndefined();
  expect(left.sort()).toEqual(['srv', 'srv/notes', 'srv/notes/a.txt', 'srv/notes/link']);
});

test.each<[string, (root: string) => ForgedMember[]]>([
  ['an absolute name', () => [{ name: '/etc/evil', content: 'x' }]],
  ['a name that climbs', (root) => [{ name: `${root}/../../../victim`, content: 'x' }]],
  ['a name outside of the sources', () => [{ name: 'etc/evil', content: 'x' }]],
  ['an empty component', (root) => [{ name: `${root}//evil`, content: 'x' }]],
  [
    'a file below a symlink of the archive',
    (root) => [
      { name: root, type: 'directory' },
      { name: `${root}/out`, type: 'symlink', link: '../..' },
      { name: `${root}/out/victim`, content: 'x' },
    ],
  ],
  [
    'a file in the place of a symlink of the archive',
    (root) => [
      { name: root, type: 'directory' },
      { name: `${root}/out`, type: 'symlink', link: '../../victim' },
      { name: `${root}/out`, content: 'x' },
    ],
  ],
  ['a hard link to a file outside', (root) => [{ name: `${root}/link`, type: 'hardlink', link: '../../victim' }]],
  ['a hard link to an absolute name', (root) => [{ name: `${root}/link`, type: 'hardlink', link: '/etc/passwd' }]],
  [
    'a hard link through a symlink',
    (root) => [
      { name: root, type: 'directory' },
      { name: `${root}/out`, type: 'symlink', link: '/etc' },
      { name: `${root}/copy`, type: 'hardlink', link: `${root}/out/passwd` },
    ],
  ],
  [
    'a file below a hard link to a symlink',
    (root) => [
      { name: root, type: 'directory' },
      { name: `${root}/out`, type: 'symlink', link: '../..' },
      { name: `${root}/same`, type: 'hardlink', link: `${root}/out` },
      { name: `${root}/same/victim`, content: 'x' },
    ],
  ],
])('an archive with %s is refused and nothing is left behind', async (_what, members) => {
  const { error, left, victim } = await attempt(members);

  expect(error).toMatchObject({ code: 'HA_SET_UNSAFE' });
  expect(left).toEqual([]);
  expect(victim).toBe('untouched');
});

test('a manifest whose source climbs is refused', async () => {
  await using bed = await openBed();
  await forgeSet(join(bed.folder, 'set'), '/srv/../etc', [{ name: 'srv/../etc/evil', content: 'x' }]);

  const attempt = restore(bed, join(bed.folder, 'set'), { to: join(bed.folder, 'to') });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_SET_UNSAFE' });
});

test('a symlink that was put in the way does not lead a restore elsewhere', async () => {
  await using bed = await openBed();
  await forgeSet(join(bed.folder, 'set'), '/srv/notes', [
    { name: 'srv/notes', type: 'directory' },
    { name: 'srv/notes/a.txt', content: 'x' },
  ]);
  const to = join(bed.folder, 'to');
  await mkdir(join(to, 'srv'), { recursive: true });
  await mkdir(join(bed.folder, 'elsewhere'));
  await symlink(join(bed.folder, 'elsewhere'), join(to, 'srv/notes'));

  await restore(bed, join(bed.folder, 'set'), { to, overwrite: true });

  expect(await readdir(join(bed.folder, 'elsewhere'))).toEqual([]);
  expect(await readdir(join(to, 'srv/notes'))).toEqual(['a.txt']);
});
