/** Restore points with real sets at real destinations, and nothing else running. */
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBackups } from '#app/backups.ts';
import { createPerformer } from '#app/performer.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { loadCatalog } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { PluginRef } from '#sdk/plan.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { needs } from '#test/support/needs.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

const SET = 'p9f4bcdfghjk';
const ARCHIVE: PluginRef = { kind: 'archive', name: 'archive', type: 'archive', config: {} };
const WISH = { to: null, only: [], overwrite: false, progress: () => {} };

let dir: TempDir;
let settings: Settings;

beforeEach(async (context) => {
  needs(context, 'tar', 'zstd');
  dir = await tempDir();
  await mkdir(join(dir.path, 'data/sub'), { recursive: true });
  await writeFile(join(dir.path, 'data/notes.db'), 'x'.repeat(100_000));
  await writeFile(join(dir.path, 'data/sub/a.txt'), 'first');
  settings = await settingsIn(dir.path);
  await makeSet(settings, join(dir.path, 'data'));
});

afterEach(async () => await dir[Symbol.asyncDispose]());

async function settingsIn(folder: string): Promise<Settings> {
  const base = configOf();
  const place = (name: string) => ({ name, type: 'local', config: { path: join(folder, name) } });
  for (const name of ['usb', 'vault']) await mkdir(join(folder, name));
  const { catalog, problems } = await loadCatalog(join(folder, 'plugins.d'));
  const config = {
    ...base,
    global: { ...base.global, stateDir: join(folder, 'state'), logDir: join(folder, 'log') },
    destinations: [place('usb'), place('vault')],
    services: [serviceNamed('notes')],
  };
  return { catalog, problems, config };
}

/** What the backup workflow does, without its service. */
async function makeSet(made: Settings, path: string): Promise<void> {
  await using performer = createPerformer(made, { host: 'nas', secrets: createSecretResolver(made.config) });
  const places = made.config.destinations.map((own): PluginRef => ({ kind: 'destination', ...own }));
  const act = (action: string, input: JsonObject) =>
    performer.act(
      {
        plugin: ARCHIVE,
        uses: places,
        action,
        input,
        key: action,
        timeoutMs: 60_000,
        mayHaveRun: false,
        voice: SILENT_VOICE,
      },
      new AbortController().signal,
    );
  const set = { set: SET, service: 'notes' };
  const compression = { algorithm: 'zstd', level: 3 };
  await act('capture', { ...set, run: 'b7k2mnpqrstv', sources: [{ path, exclude: [] }], compression });
  await act('seal', set);
  for (const to of ['usb', 'vault']) {
    await act('copy', { ...set, to, from: [] });
    await act('verifyCopy', { ...set, destination: to });
  }
  await act('discard', set);
}

async function backupsOf(destination?: string) {
  const signal = new AbortController().signal;
  return openBackups(settings, destination === undefined ? { signal } : { destination, signal });
}

async function flipByte(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  const position = Math.floor((await handle.stat()).size / 2);
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, position);
  await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 0xff]), 0, 1, position);
}

test('a set is listed with its copies, shown, and its files are listed by glob', async () => {
  await using backups = await backupsOf();

  const { restorePoints, troubles } = await backups.list('notes');
  const detail = await backups.show('p9f4');
  const files = await Array.fromAsync(backups.files('p9f4', '*.db'));

  expect(troubles).toEqual([]);
  expect(restorePoints).toMatchObject([
    {
      id: SET,
      service: 'notes',
      copies: [
        { destination: 'usb', status: 'verified' },
        { destination: 'vault', status: 'verified' },
      ],
    },
  ]);
  expect(detail).toMatchObject({ run: 'b7k2mnpqrstv', sources: [join(dir.path, 'data')], files: 2 });
  expect(files.map(({ path }) => path)).toEqual([join(dir.path, 'data/notes.db')]);
});

test('one flipped byte is found by verify, and the other copy is told to be whole', async () => {
  await flipByte(join(dir.path, 'usb/notes', SET, 'data.tar.zst'));
  await using backups = await backupsOf();

  const { copies } = await backups.verify(SET, () => {});

  expect(copies).toMatchObject([
    { destination: 'usb', status: 'damaged' },
    { destination: 'vault', status: 'verified' },
  ]);
  expect(copies[0]?.detail).toContain('data.tar.zst');
});

test.each([
  ['whose manifest is damaged', async (set: string) => writeFile(join(set, 'manifest.json'), '{ "formatVersion": 1, ')],
  ['whose data is gone', async (set: string) => rm(join(set, 'data.tar.zst'))],
])('a copy %s is listed and told as damaged, not as missing', async (_title, damage) => {
  await damage(join(dir.path, 'usb/notes', SET));
  await using backups = await backupsOf();

  const { restorePoints, troubles } = await backups.list();
  const { copies } = await backups.verify(SET, () => {});

  expect(restorePoints[0]?.copies).toMatchObject([
    { destination: 'usb', status: 'damaged' },
    { destination: 'vault', status: 'verified' },
  ]);
  expect(troubles).toMatchObject([{ destination: 'usb', message: expect.stringContaining(SET) }]);
  // Copies that are good for something are looked at first.
  expect(copies).toMatchObject([
    { destination: 'vault', status: 'verified' },
    { destination: 'usb', status: 'damaged', detail: expect.stringMatching(/manifest|data\.tar\.zst/) },
  ]);
});

test('a restore takes another copy when the first is damaged, and says so', async () => {
  await flipByte(join(dir.path, 'usb/notes', SET, 'data.tar.zst'));
  await rm(join(dir.path, 'data'), { recursive: true });
  await using backups = await backupsOf();

  const report = await backups.restore('p9f4', WISH);

  expect(report).toMatchObject({ from: 'vault', files: 2, targets: [join(dir.path, 'data')] });
  expect(report.warnings[0]).toContain('usb');
  expect(await readFile(join(dir.path, 'data/sub/a.txt'), 'utf8')).toBe('first');
});

test('of two whole copies the one is restored whose destination the configuration lists first', async () => {
  await rm(join(dir.path, 'data'), { recursive: true });
  const { config } = settings;
  settings = { ...settings, config: { ...config, destinations: config.destinations.toReversed() } };
  await using backups = await backupsOf();

  const report = await backups.restore('p9f4', WISH);

  expect(report).toMatchObject({ from: 'vault', warnings: [] });
});

test('a restore refuses to destroy what is newer than the set, until it is told to', async () => {
  await writeFile(join(dir.path, 'data/sub/a.txt'), 'second');
  await using backups = await backupsOf();

  await expect(backups.restore(SET, WISH)).rejects.toMatchObject({ code: 'HA_RESTORE_REFUSED' });
  const kept = await readFile(join(dir.path, 'data/sub/a.txt'), 'utf8');
  await backups.restore(SET, { ...WISH, only: ['a.txt'], overwrite: true });

  expect(kept).toBe('second');
  expect(await readFile(join(dir.path, 'data/sub/a.txt'), 'utf8')).toBe('first');
});

test('a part is restored to another folder, and nothing else is written', async () => {
  await using backups = await backupsOf();
  const to = join(dir.path, 'out');

  await backups.restore(SET, { ...WISH, to, only: ['a.txt'] });

  expect(await readFile(join(to, dir.path, 'data/sub/a.txt'), 'utf8')).toBe('first');
  await expect(stat(join(to, dir.path, 'data/notes.db'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('with the path of a destination nothing else is needed: no configuration, no state file', async () => {
  settings = { ...settings, config: { ...settings.config, destinations: [], services: [] } };
  await using backups = await backupsOf(join(dir.path, 'usb'));

  const { restorePoints } = await backups.list();
  const report = await backups.restore('p9f4', { ...WISH, to: join(dir.path, 'out') });

  expect(restorePoints.map(({ id }) => id)).toEqual([SET]);
  expect(report.files).toBe(2);
});

test('a destination that is away is told, and the others are listed all the same', async () => {
  await rm(join(dir.path, 'vault'), { recursive: true });
  await writeFile(join(dir.path, 'vault'), 'not a folder');
  await using backups = await backupsOf();

  const { restorePoints, troubles } = await backups.list();

  expect(restorePoints[0]?.copies.map(({ destination }) => destination)).toEqual(['usb']);
  expect(troubles).toMatchObject([{ destination: 'vault' }]);
});

test('a damaged state file does not hide what the destinations hold', async () => {
  await mkdir(join(dir.path, 'state'), { recursive: true });
  await writeFile(join(dir.path, 'state/state.db'), 'not a database');
  await using backups = await backupsOf();

  const { restorePoints, troubles } = await backups.list();

  expect(restorePoints.map(({ id }) => id)).toEqual([SET]);
  expect(troubles).toMatchObject([{ destination: 'state file' }]);
});

test('a pinned set is kept whatever the rules say, on every copy', async () => {
  await using backups = await backupsOf();

  await backups.pin('p9f4', true);
  const pinned = await backups.list();
  const { decisions } = await backups.prunePlan('notes');
  await backups.pin('p9f4', false);
  const unpinned = await backups.list();

  expect(pinned.restorePoints[0]?.pinned).toBe(true);
  expect(decisions.find(({ destination }) => destination === 'usb')?.reasons).toContain('pinned');
  expect(unpinned.restorePoints[0]?.pinned).toBe(false);
});

test('sets at a place that the service is not backed up to are kept, and the reason is told', async () => {
  await using backups = await backupsOf();

  const { decisions } = await backups.prunePlan();

  expect(decisions.find(({ destination }) => destination === 'vault')).toMatchObject({
    keep: true,
    reasons: ['the configuration does not back this service up to this place'],
  });
});

test('a name that nothing has is not found, with the nearest one', async () => {
  await using backups = await backupsOf();

  await expect(backups.show('zzzz')).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
  await expect(backupsOf('usc')).rejects.toMatchObject({ next: expect.stringContaining('Did you mean "usb"?') });
});
