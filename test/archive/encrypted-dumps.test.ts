/** Dumps of databases in encrypted sets: proven before they are encrypted, and handed back as their service wrote them. */
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Plugin } from '#sdk/contract.ts';
import { type Bed, COMPRESSION, flipByte, openBed, SERVICE, writeTree } from '#test/archive/bed.ts';
import { ageKey, type KeyPair } from '#test/archive/keys.ts';
import { needs } from '#test/support/needs.ts';

beforeEach((context) => needs(context, 'age', 'age-keygen'));

const SQL = 'CREATE TABLE precious;';
const FILE = 'dump-1-postgresql-wiki.sql.zst';
const SET = { set: 'set-one', service: SERVICE };
const RELEASE = { version: '1', images: [], configFiles: [], detail: {} };

/** A service with one database. What is loaded is noted. */
function withDatabase(loaded: string[]): Plugin {
  const packed = execFileSync('zstd', ['-qc'], { input: SQL });
  const dump = {
    file: FILE,
    type: 'postgresql',
    name: 'wiki',
    place: 'container db',
    server: '15',
    tool: '15',
    tables: 1,
    bytes: SQL.length,
    sha256: hash('sha256', SQL, 'hex'),
    atRest: false,
    detail: {},
  };
  return {
    kind: 'service',
    id: 'with-database',
    title: 'A service with a database',
    config: z.object({}),
    actions: {
      dump: async (_tools, input) => {
        const { directory } = z.object({ directory: z.string() }).parse(input);
        await writeTree(directory, { [FILE]: '' });
        execFileSync('sh', ['-c', 'cat > "$0"', join(directory, FILE)], { input: packed });
        return { dumps: [dump], summary: 'dumped', warnings: [] };
      },
      load: async (_tools, input) => {
        const { directory } = z.object({ directory: z.string() }).parse(input);
        if (directory !== '/') loaded.push(execFileSync('zstd', ['-dqc', join(directory, FILE)], { encoding: 'utf8' }));
        return { summary: 'loaded' };
      },
    },
  };
}

async function capture(bed: Bed, key: KeyPair) {
  bed.addService('with-database');
  bed.addDestination('usb', { path: join(bed.folder, 'usb') });
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const encryption = { recipients: [key.recipient], identity: key.identity };
  const { dumps } = await bed.archive('dump', { ...SET, compression: COMPRESSION });
  const sources = [{ path: source, exclude: [] }];
  const about = { run: 'run1', sources, compression: COMPRESSION, release: RELEASE };
  await bed.archive('capture', { ...SET, ...about, dumps: dumps ?? [], encryption });
  return encryption;
}

test('a dump comes back as its service wrote it, and tells nobody the name of its database', async () => {
  const loaded: string[] = [];
  await using bed = await openBed({ plugins: [withDatabase(loaded)] });
  const encryption = await capture(bed, await ageKey(bed.folder));
  const sealed = await bed.archive('seal', { ...SET, encryption });
  await bed.archive('copy', { ...SET, to: 'usb' });
  await bed.archive('discard', SET);

  await bed.archive('checkRestore', { ...SET, from: ['usb'], databases: true, encryption });
  await bed.archive('load', { ...SET, from: ['usb'], release: RELEASE, encryption });

  expect(loaded).toEqual([SQL]);
  expect(sealed['summary']).toContain('1 dump');
  const set = join(bed.folder, 'usb', SERVICE, 'set-one');
  expect(await readdir(set)).toContain('dump-1-postgresql.zst.age');
  for (const file of await readdir(set)) expect((await readFile(join(set, file))).includes('wiki'), file).toBe(false);
});

test('a dump that is damaged before it is encrypted makes no set', async () => {
  await using bed = await openBed({ plugins: [withDatabase([])] });
  const encryption = await capture(bed, await ageKey(bed.folder));
  await flipByte(join(`${bed.staged('set-one')}.partial`, FILE), -6);

  const sealing = bed.archive('seal', { ...SET, encryption });

  await expect(sealing).rejects.toThrow("doesn't match checksum");
});
