/** Encrypted sets: nobody but who has the identity sees what is in them, and with it everything is as it always was. */
import { execFileSync } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { readHeader } from '#archive/manifest.ts';
import type { Encryption } from '#sdk/encryption.ts';
import {
  type Bed,
  COMPRESSION,
  flipByte,
  makeSet,
  openBed,
  restore,
  SERVICE,
  verify,
  writeTree,
} from '#test/archive/bed.ts';
import { ageKey, identityIn, type KeyPair, sshKey } from '#test/archive/keys.ts';
import { needs } from '#test/support/needs.ts';

beforeEach((context) => needs(context, 'age', 'age-keygen', 'ssh-keygen'));

const RELEASE = {
  version: '1.2-private',
  images: [],
  configFiles: ['/opt/private-stack/compose.yaml'],
  detail: { environment: 'TOKEN=private-token' },
};

interface Encrypted {
  source: string;
  directory: string;
  encryption: Encryption;
}

async function encryptedSet(bed: Bed, key: KeyPair): Promise<Encrypted> {
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'deep/b.txt': 'two' });
  const encryption = { recipients: [key.recipient], identity: key.identity };
  return { source, directory: await makeSet(bed, source, { encryption }), encryption };
}

function stepInput(source: string) {
  return {
    set: 'set-one',
    service: SERVICE,
    run: 'run1',
    sources: [{ path: source, exclude: [] }],
    compression: COMPRESSION,
  };
}

test('what goes into an encrypted set comes out of it, and nothing of the work is left beside it', async () => {
  await using bed = await openBed();
  const { source, directory, encryption } = await encryptedSet(bed, await ageKey(bed.folder));

  await restore(bed, directory, { to: join(bed.folder, 'to'), encryption });

  expect((await readdir(directory)).sort()).toEqual([
    'SHA256SUMS',
    'data.tar.zst.age',
    'manifest.json',
    'manifest.json.zst.age',
    'restore.sh',
  ]);
  expect(await readFile(join(bed.folder, 'to', source, 'deep/b.txt'), 'utf8')).toBe('two');
  expect(await verify(bed, directory, encryption)).toMatchObject({ ok: true, entries: 4 });
});

test.each(['ed25519', 'rsa'] as const)('an SSH key (%s) opens what is encrypted for it beside others', async (kind) => {
  await using bed = await openBed();
  const [age, ssh] = [await ageKey(bed.folder), await sshKey(bed.folder, kind)];
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const recipients = [age.recipient, ssh.recipient];

  const directory = await makeSet(bed, source, { encryption: { recipients, identity: null } });

  for (const { identity } of [age, ssh]) {
    expect(await verify(bed, directory, { recipients, identity })).toMatchObject({ ok: true });
  }
});

test('no name, path, setting, database or warning can be read in any file of an encrypted set', async () => {
  await using bed = await openBed();
  const { recipient } = await ageKey(bed.folder);
  const source = await writeTree(join(bed.folder, 'private-tree'), { 'private-name.txt': 'private-content' });
  const encryption = { recipients: [recipient], identity: null };
  const partial = `${bed.staged('set-one')}.partial`;
  await writeTree(partial, { 'dump-1-postgresql-private-db.sql.zst': '' });
  const packed = execFileSync('zstd', ['-qc'], { input: 'CREATE TABLE private_table;' });
  await writeFile(join(partial, 'dump-1-postgresql-private-db.sql.zst'), packed);
  const dump = {
    file: 'dump-1-postgresql-private-db.sql.zst',
    type: 'postgresql',
    name: 'private-db',
    place: 'container private-host',
    server: '15',
    tool: '15',
    tables: 1,
    bytes: 27,
    sha256: execFileSync('sha256sum', { input: 'CREATE TABLE private_table;', encoding: 'utf8' }).slice(0, 64),
    atRest: false,
    detail: {},
  };

  await bed.archive('capture', { ...stepInput(source), release: RELEASE, dumps: [dump], encryption });
  await bed.archive('seal', { set: 'set-one', service: SERVICE, encryption });

  const directory = bed.staged('set-one');
  const files = await readdir(directory);
  expect(files).toContain('dump-1-postgresql.zst.age');
  for (const file of files) {
    expect(file).not.toContain('private');
    expect((await readFile(join(directory, file))).includes('private'), file).toBe(false);
  }
  expect(await readHeader(directory)).toMatchObject({ service: SERVICE, set: 'set-one', counts: { files: 1 } });
});

test('also a host without the identity looks into what it made before that counts as whole', async () => {
  await using bed = await openBed();
  const { recipient } = await ageKey(bed.folder);
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const encryption = { recipients: [recipient], identity: null };
  await bed.archive('capture', { ...stepInput(source), encryption });
  await flipByte(join(`${bed.staged('set-one')}.partial`, 'data.tar.zst.age'), -10);

  const sealing = bed.archive('seal', { set: 'set-one', service: SERVICE, encryption });

  await expect(sealing).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
});

test('a seal says whether the identity was tried on the set', async () => {
  await using bed = await openBed();
  const key = await ageKey(bed.folder);
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const summaries: unknown[] = [];
  for (const [set, identity] of [
    ['set-one', key.identity],
    ['set-two', null],
  ] as const) {
    const encryption = { recipients: [key.recipient], identity };
    await bed.archive('capture', { ...stepInput(source), set, encryption });
    summaries.push((await bed.archive('seal', { set, service: SERVICE, encryption }))['summary']);
  }

  expect(summaries[0]).toContain('encrypted for 1 recipient, opened with the identity');
  expect(summaries[1]).toContain('whether their identity opens it was not tried');
});

test('the identity is neither logged nor left on the disk', async () => {
  await using bed = await openBed();
  const key = await ageKey(bed.folder);
  const { directory, encryption } = await encryptedSet(bed, key);
  await verify(bed, directory, encryption);

  const secret = /AGE-SECRET-KEY-\S+/.exec(await readFile(key.file, 'utf8'))?.[0] ?? '';

  expect(secret).not.toBe('');
  expect(JSON.stringify(bed.stage.lines)).not.toContain('AGE-SECRET-KEY');
  expect(execFileSync('sh', ['-c', `grep -rl AGE-SECRET-KEY ${bed.stateDir} || true`], { encoding: 'utf8' })).toBe('');
});

test.each([
  ['none is configured', async () => null, 'no identity is configured'],
  [
    'its file is not there',
    async (bed: Bed) => identityIn(join(bed.folder, 'gone.key')).identity,
    'there is no such file',
  ],
  ['it is another one', async (bed: Bed) => (await ageKey(bed.folder)).identity, 'is another one'],
  [
    'it is none',
    async (bed: Bed) => {
      const { file, identity } = identityIn(join(bed.folder, 'junk.key'));
      await writeFile(file, 'not a key\n');
      return identity;
    },
    'cannot be used as an identity',
  ],
] as const)('a restore says so and changes nothing when %s', async (_what, identityOf, message) => {
  await using bed = await openBed();
  const { source, directory, encryption } = await encryptedSet(bed, await ageKey(bed.folder));
  await writeFile(join(source, 'a.txt'), 'newer');

  const restoring = restore(bed, directory, {
    overwrite: true,
    encryption: { ...encryption, identity: await identityOf(bed) },
  });

  await expect(restoring).rejects.toMatchObject({
    code: 'HA_SECRET_UNAVAILABLE',
    message: expect.stringContaining(message),
    next: expect.stringContaining('put '),
  });
  expect(await readFile(join(source, 'a.txt'), 'utf8')).toBe('newer');
});

test('a copy is verified and kept without any identity', async () => {
  await using bed = await openBed();
  await encryptedSet(bed, await ageKey(bed.folder));
  bed.addDestination('usb', { path: join(bed.folder, 'usb') });

  await bed.archive('copy', { set: 'set-one', service: SERVICE, to: 'usb' });
  const proof = await bed.archive('verifyCopy', { set: 'set-one', service: SERVICE, destination: 'usb' });
  const { sets } = await bed.destination('usb', 'list', {});

  expect(proof).toMatchObject({ how: 'read back' });
  expect(sets).toMatchObject([{ id: 'set-one', service: SERVICE, files: 2, contentBytes: 6 }]);
  await flipByte(join(bed.folder, 'usb', SERVICE, 'set-one', 'data.tar.zst.age'), 300);
  const again = bed.archive('verifyCopy', { set: 'set-one', service: SERVICE, destination: 'usb' });
  await expect(again).rejects.toMatchObject({
    code: 'HA_SET_CORRUPT',
    message: expect.stringContaining('data.tar.zst.age'),
  });
});

test('a run that relies on its own set is refused before anything is changed when nobody could open it', async () => {
  await using bed = await openBed();
  const [key, other] = [await ageKey(bed.folder), await ageKey(bed.folder)];
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  bed.addDestination('usb', { path: join(bed.folder, 'usb') });
  const look = {
    sources: [{ path: source, exclude: [] }],
    destinations: ['usb'],
    encryption: { recipients: [key.recipient], identity: other.identity },
  };

  const relying = bed.archive('preflight', { ...look, wayBack: true });
  await expect(relying).rejects.toMatchObject({ code: 'HA_SECRET_UNAVAILABLE' });
  const backup = await bed.archive('preflight', look);

  expect(backup['warnings']).toEqual([expect.stringContaining('is another one; it is backed up all the same')]);
});

test('a capture that is cut short leaves no set, and no age at work', async () => {
  await using bed = await openBed();
  const { recipient } = await ageKey(bed.folder);
  const source = join(bed.folder, 'srv');
  await writeTree(source, { 'a.txt': 'one' });
  execFileSync('sh', ['-c', `head -c 300000000 /dev/urandom > ${join(source, 'large')}`]);
  const stop = new AbortController();
  const encryption = { recipients: [recipient], identity: null };
  const capturing = bed.archive('capture', { ...stepInput(source), encryption }, stop.signal);
  capturing.catch(() => undefined);
  const data = join(`${bed.staged('set-one')}.partial`, 'data.tar.zst.age');
  await expect.poll(async () => (await readFile(data).catch(() => '')).length, { timeout: 20_000 }).toBeGreaterThan(0);

  stop.abort(new Error('the worker goes'));
  await expect(capturing).rejects.toThrow('was stopped');
  await bed.archive('discard', { set: 'set-one', service: SERVICE });

  expect(await readdir(join(bed.stateDir, 'backups/staging'))).toEqual([]);
  expect(spawnedAges(recipient)).toBe('');
});

function spawnedAges(recipient: string): string {
  return execFileSync('sh', ['-c', `ps -eo args | grep -F '${recipient}' | grep -v grep || true`], {
    encoding: 'utf8',
  });
}

test('damage in the data of an encrypted set is found, and what can be told of it is told', async () => {
  await using bed = await openBed();
  const { directory, encryption } = await encryptedSet(bed, await ageKey(bed.folder));
  await flipByte(join(directory, 'data.tar.zst.age'), -20);

  const report = await verify(bed, directory, encryption);

  expect(report).toMatchObject({ ok: false, parts: [{ part: 'data.tar.zst.age' }] });
});

test('a set whose manifests belong to two sets is not believed', async () => {
  await using bed = await openBed();
  const { source, directory, encryption } = await encryptedSet(bed, await ageKey(bed.folder));
  const other = await makeSet(bed, source, { set: 'set-two', encryption });
  await rm(join(directory, 'manifest.json.zst.age'));
  await cp(join(other, 'manifest.json.zst.age'), join(directory, 'manifest.json.zst.age'));

  const restoring = restore(bed, directory, { to: join(bed.folder, 'to'), encryption });

  await expect(restoring).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
});

test('a set that was made before anything was encrypted is restored without any identity', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const { recipient } = await ageKey(bed.folder);
  const directory = await makeSet(bed, source);
  const encryption = { recipients: [recipient], identity: identityIn('/nowhere/age.key').identity };

  await restore(bed, directory, { to: join(bed.folder, 'to'), encryption });

  expect(await readFile(join(bed.folder, 'to', source, 'a.txt'), 'utf8')).toBe('one');
  expect(await verify(bed, directory, encryption)).toMatchObject({ ok: true });
});
