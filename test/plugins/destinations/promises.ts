/** What holds at every destination that is not a directory of this machine, whatever is behind it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import { destination } from '#sdk/kinds/destination.ts';
import { type Bed, flipByte, makeSet, restore, SERVICE, writeTree } from '#test/archive/bed.ts';
import { ageKey } from '#test/archive/keys.ts';
import { needs } from '#test/support/needs.ts';

const run = promisify(execFile);

/** A bed with the destination `nas`, and the directory that the other side keeps its files in. */
export interface Place extends AsyncDisposable {
  bed: Bed;
  root: string;
  /** What the other side puts behind the name of every file. */
  suffix?: string;
  /** The files of sets as another program finds them there, where they are no files below the root. */
  parts?(): Promise<string[]>;
}

export type OpenPlace = (context: Pick<TestContext, 'skip'>) => Promise<Place>;

export const SET = { service: SERVICE, set: 'set-one' };
const AT = { ...SET, destination: 'nas' };

/** A set of a small tree in staging. */
export async function stageSet(
  bed: Bed,
  set = 'set-one',
  bytes = 300_000,
): Promise<{ source: string; directory: string }> {
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await writeFile(join(source, 'noise'), randomBytes(bytes));
  return { source, directory: await makeSet(bed, source, { set }) };
}

/** Files below the root, without the marker and the like that a place may have of its own. */
export async function filesBelow(root: string, suffix = ''): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files
    .filter((path) => path.endsWith(suffix))
    .map((path) => path.slice(root.length + 1, path.length - suffix.length))
    .filter((path) => path.includes('/'))
    .toSorted();
}

const PARTS = ['SHA256SUMS', 'data.tar.zst', 'manifest.json', 'restore.sh'];

/** The files of sets that the other side has. Notes of them need not be files. */
async function partsAt({ root, suffix, parts }: Place): Promise<string[]> {
  const found = parts === undefined ? await filesBelow(root, suffix) : await parts();
  return found.filter((path) => !path.endsWith('/annotations.json')).toSorted();
}

/** Brought there, proved to be there, and brought back. */
export function comesBackWhole(open: OpenPlace, how = 'read back'): void {
  test('a set is copied, verified, listed with its facts, and restored whole from there', async (context) => {
    await using place = await open(context);
    const { bed } = place;
    const { source, directory } = await stageSet(bed);

    const checked = await bed.destination('nas', 'check', { sources: [source] });
    await bed.archive('copy', { ...SET, to: 'nas' });
    const stored = await bed.destination('nas', 'list', {});
    const verified = await bed.archive('verifyCopy', AT);
    const listed = await bed.destination('nas', 'list', { service: SERVICE });

    expect(checked['freeBytes'] === null || Number(checked['freeBytes']) > 0).toBe(true);
    expect(await partsAt(place)).toEqual(PARTS.map((part) => `${SERVICE}/set-one/${part}`));
    expect(stored).toMatchObject({
      unreadable: [],
      sets: [{ id: 'set-one', files: 2, verifiedAt: null, host: 'nas' }],
    });
    expect(verified).toMatchObject({ how });
    expect(verified['summary']).toContain(how === 'read back' ? 'read back, checksums match' : 'nothing was read back');
    expect(listed['sets']).toMatchObject([{ id: 'set-one', verifiedAt: verified['verifiedAt'], pinned: false }]);

    await rm(directory, { recursive: true });
    const opened = destination.actions.open.output.parse(await bed.destination('nas', 'open', SET));
    const to = join(bed.folder, 'restored');
    await mkdir(to);
    await restore(bed, opened.directory, { to });
    await rm(opened.directory, { recursive: true });
    await run('diff', ['--recursive', source, join(to, source)]);
  });
}

/** Nothing has to be known of a set to keep it. */
export function comesBackEncrypted(open: OpenPlace): void {
  test('an encrypted set is kept as any other, and with its identity it is looked into and put back', async (context) => {
    needs(context, 'age', 'age-keygen');
    await using place = await open(context);
    const { bed } = place;
    const { recipient, identity } = await ageKey(bed.folder);
    const encryption = { recipients: [recipient], identity };
    const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
    await makeSet(bed, source, { encryption });

    await bed.archive('copy', { ...SET, to: 'nas' });
    await bed.archive('verifyCopy', AT);
    await bed.archive('discard', SET);
    await rm(source, { recursive: true });
    await bed.archive('checkRestore', { ...SET, from: ['nas'], encryption });
    await bed.archive('restore', { ...SET, from: ['nas'], encryption });
    const stored = await partsAt(place);
    await bed.destination('nas', 'remove', SET);

    expect(stored).toContain(`${SERVICE}/set-one/data.tar.zst.age`);
    expect(await readFile(join(source, 'a.txt'), 'utf8')).toBe('one');
    expect(await partsAt(place)).toEqual([]);
  });
}

/** Sets come there and back whole, and damage is found. */
export function keepsSets(open: OpenPlace, { how = 'read back' }: { how?: string } = {}): void {
  comesBackWhole(open, how);
  comesBackEncrypted(open);

  test('a copy that was damaged there is not called verified, and storing the set again mends it', async (context) => {
    await using place = await open(context);
    const { bed, root, suffix = '' } = place;
    const { directory } = await stageSet(bed);
    await bed.destination('nas', 'store', { ...SET, directory });
    const data = join(root, SERVICE, `set-one/data.tar.zst${suffix}`);
    await flipByte(data, 1000);

    await expect(bed.archive('verifyCopy', AT)).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
    await expect(bed.archive('verifyCopy', AT)).rejects.toThrow('data.tar.zst: it does not match its checksum');
    expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ verifiedAt: null }]);
    await bed.destination('nas', 'store', { ...SET, directory });

    expect(await readFile(data)).toEqual(await readFile(join(directory, 'data.tar.zst')));
    expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how });
    expect(await filesBelow(root, suffix)).toHaveLength(5);
  });
}

/** All of it that does not look at files, for places where sets are none. */
export function keepsWord(open: OpenPlace): void {
  comesBackWhole(open);
  keepsNotes(open);
}

function keepsNotes(open: OpenPlace): void {
  test('storing a whole set again changes nothing', async (context) => {
    await using place = await open(context);
    const { bed } = place;
    const { directory } = await stageSet(bed);
    const first = await bed.destination('nas', 'store', { ...SET, directory });
    await bed.destination('nas', 'annotate', { ...SET, pinned: true });
    const before = await partsAt(place);

    const second = await bed.destination('nas', 'store', { ...SET, directory });

    expect(second).toEqual(first);
    expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ pinned: true }]);
    expect(await partsAt(place)).toEqual(before);
    expect(before).toHaveLength(4);
  });

  test('verified and pinned are kept on the copy, and retention heeds the pin', async (context) => {
    await using place = await open(context);
    const { bed } = place;
    for (const set of ['set-one', 'set-two', 'set-three']) {
      const { directory } = await stageSet(bed, set, 1000);
      await bed.destination('nas', 'store', { service: SERVICE, set, directory });
    }
    await bed.destination('nas', 'annotate', { ...SET, pinned: true });
    await bed.destination('nas', 'annotate', { ...SET, verifiedAt: '2026-01-02T03:04:05.000Z' });

    const retention = { keep_last: 1, min_keep: 1 };
    const kept = await bed.archive('retain', { service: SERVICE, destination: 'nas', retention });

    const listed = await bed.destination('nas', 'list', {});
    expect(kept).toMatchObject({ kept: 2, removed: ['set-two'], pinned: ['set-one'] });
    expect(listed['sets']).toMatchObject([
      { id: 'set-one', pinned: true, verifiedAt: '2026-01-02T03:04:05.000Z' },
      { id: 'set-three', pinned: false, verifiedAt: null },
    ]);
    expect((await partsAt(place)).filter((path) => path.includes('set-two'))).toEqual([]);
  });

  test('what is not there is told by name', async (context) => {
    await using place = await open(context);
    const { bed } = place;

    expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
    await expect(bed.destination('nas', 'open', SET)).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
    await expect(bed.archive('verifyCopy', AT)).rejects.toThrow('nas has no set set-one of notes');
  });

  test('the name of a service is never used as a path or an option', async (context) => {
    await using place = await open(context);
    const { directory } = await stageSet(place.bed, 'set-one', 10);

    for (const service of ['../../etc', '.hidden', 'a/b', '', '-rf', '--config']) {
      const attempt = place.bed.destination('nas', 'store', { service, set: 'set-one', directory });
      await expect(attempt).rejects.toMatchObject({ code: 'HA_USAGE' });
    }
  });
}

export function keepsPromises(open: OpenPlace): void {
  keepsSets(open);
  keepsNotes(open);

  test('what is not ours is neither listed nor removed nor overwritten', async (context) => {
    await using place = await open(context);
    const { bed, root, suffix = '' } = place;
    const { directory } = await stageSet(bed);
    await writeTree(root, {
      [`notes/holiday/photo.jpg${suffix}`]: 'mine',
      [`notes/set-mine/photo.jpg${suffix}`]: 'mine',
      [`other/set-one/data${suffix}`]: 'mine',
      [`notes/set-bad/manifest.json${suffix}`]: '{"formatVersion":1',
    });
    await bed.destination('nas', 'store', { service: SERVICE, set: 'set-one', directory });
    await rename(join(root, SERVICE, 'set-one'), join(root, SERVICE, 'set-moved'));
    const before = await filesBelow(root, suffix);

    const listed = await bed.destination('nas', 'list', {});
    const removals = ['set-one', 'set-mine', 'set-moved'].map((set) =>
      bed.destination('nas', 'remove', { service: SERVICE, set }),
    );
    const removed = await Promise.all(removals);
    const taken = bed.destination('nas', 'store', { service: SERVICE, set: 'set-moved', directory });

    expect(listed).toEqual({ sets: [], unreadable: [{ path: 'notes/set-bad', reason: 'its manifest has no index' }] });
    expect(removed).toEqual([{ removed: false }, { removed: false }, { removed: false }]);
    await expect(taken).rejects.toMatchObject({ code: 'HA_CONFLICT' });
    expect(await filesBelow(root, suffix)).toEqual(before);
  });

  test('a set without one of its parts is told, and not listed', async (context) => {
    await using place = await open(context);
    const { bed, root, suffix = '' } = place;
    const { directory } = await stageSet(bed);
    await bed.destination('nas', 'store', { ...SET, directory });
    await rm(join(root, SERVICE, `set-one/data.tar.zst${suffix}`));

    const listed = await bed.destination('nas', 'list', {});

    expect(listed).toEqual({ sets: [], unreadable: [{ path: 'notes/set-one', reason: 'data.tar.zst is missing' }] });
    await expect(bed.archive('verifyCopy', AT)).rejects.toThrow('data.tar.zst: it is missing');
  });

  test('a set is removed once, with a file of somebody else in it left where it is', async (context) => {
    await using place = await open(context);
    const { bed, root, suffix = '' } = place;
    const { directory } = await stageSet(bed);
    await bed.destination('nas', 'store', { ...SET, directory });
    await writeFile(join(root, SERVICE, 'set-one', `photo.jpg${suffix}`), 'mine');

    const removed = await bed.destination('nas', 'remove', SET);
    const again = await bed.destination('nas', 'remove', SET);

    expect([removed, again]).toEqual([{ removed: true }, { removed: false }]);
    expect(await filesBelow(root, suffix)).toEqual([expect.stringMatching(/photo\.jpg$/)]);
  });
}
