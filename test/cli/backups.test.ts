/** `backups`: what is shown of restore points, and the exit status. */
import { expect, test } from 'vitest';
import type { BackupDetail, Backups, RestoreWish } from '#app/backup-types.ts';
import { createCatalog } from '#host/catalog.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { configOf, type StageOptions, stage } from '#test/cli/stage.ts';

const POINT: BackupDetail = {
  id: 'p9f4bcdfghjk',
  service: 'notes',
  host: 'nas',
  createdAt: '2026-03-01T02:00:00.000Z',
  sizeBytes: 4_100_000_000,
  files: 18_204,
  verifiedAt: '2026-03-01T02:10:00.000Z',
  release: null,
  encryption: null,
  lastDrill: null,
  purpose: 'backup',
  pinned: true,
  copies: [
    { destination: 'usb', host: 'nas', status: 'verified', verifiedAt: '2026-03-01T02:10:00.000Z' },
    { destination: 'vault', host: 'nas', status: 'missing', verifiedAt: null },
  ],
  run: 'b7k2mnpqrstv',
  sources: ['/srv/notes'],
  contentBytes: 6_300_000_000,
  warnings: ['/srv/notes/log vanished while it was read'],
};

function withBackups(more: Partial<Backups> = {}, options: StageOptions = {}) {
  const backups: Backups = {
    list: async () => ({ restorePoints: [POINT], troubles: [] }),
    show: async () => POINT,
    verify: async () => ({ id: POINT.id, copies: [] }),
    async *files() {},
    restore: async () => ({
      id: POINT.id,
      service: 'notes',
      from: 'usb',
      targets: ['/srv/notes'],
      files: 3,
      bytes: 10,
      warnings: [],
    }),
    pin: async (_id, pinned) => ({ ...POINT, pinned }),
    prunePlan: async () => ({ decisions: [], troubles: [] }),
    [Symbol.asyncDispose]: async () => {},
    ...more,
  };
  return stage({ ...options, rooms: { openBackups: async () => backups, ...options.rooms } });
}

test('restore points are a table that tells of every copy whether it is verified', async () => {
  const { status, stdout } = await withBackups().run('backups', 'notes');

  expect(status).toBe(0);
  expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
    'ID    SERVICE  MADE (UTC)    SIZE  NOTE    COPIES',
    'p9f4  notes    02:00       4.1 GB  pinned  usb ✔, vault missing',
    '',
  ]);
});

test('--json has the promised shape', async () => {
  const { stdout } = await withBackups().run('backups', 'notes', '--json');

  const [point] = JSON.parse(stdout).restorePoints;
  expect(Object.keys(point)).toEqual(
    expect.arrayContaining(['id', 'service', 'createdAt', 'sizeBytes', 'verifiedAt', 'pinned', 'copies']),
  );
  expect(point.copies[0]).toMatchObject({ destination: 'usb', status: 'verified', verifiedAt: expect.any(String) });
});

test('a destination that could not be listed is told on stderr, and the exit status says that something is missing', async () => {
  const troubles = [{ destination: 'vault', message: 'nothing is mounted there' }];

  const { status, stdout, stderr } = await withBackups({
    list: async () => ({ restorePoints: [POINT], troubles }),
  }).run('backups', '--json');

  expect(status).toBe(1);
  expect(JSON.parse(stdout).restorePoints).toHaveLength(1);
  expect(stderr).toContain('not listed vault: nothing is mounted there');
});

test('a service that nobody knows is wrong use, and a mistyped command is suggested', async () => {
  const none = { list: async () => ({ restorePoints: [], troubles: [] }) };

  const service = await withBackups(none).run('backups', 'nots');
  const command = await withBackups(none).run('backups', 'verfy');

  expect(service).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean "notes"?') });
  expect(command).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean "verify"?') });
});

test('one restore point is shown with its sources, copies and warnings', async () => {
  const { stdout } = await withBackups().run('backups', 'show', 'p9f4');

  expect(stdout).toContain('18,204 files, 6.3 GB');
  expect(stdout).toContain('from     /srv/notes');
  expect(stdout).toContain('usb ✔ 2026-03-01 02:10:00  on nas');
  expect(stdout).toContain('/srv/notes/log vanished while it was read');
});

test.each([
  [[{ status: 'verified' as const }], 0],
  [[{ status: 'verified' as const }, { status: 'not checked' as const }], 0],
  [[{ status: 'verified' as const }, { status: 'damaged' as const }], 1],
  [[{ status: 'unreadable' as const }], 1],
  [[{ status: 'not checked' as const }], 1],
])('verify of copies %j exits with %i', async (statuses, expected) => {
  const copies = statuses.map(({ status }) => ({ destination: 'usb', host: 'nas', status, detail: 'data.tar.zst' }));
  const verify = async () => ({ id: POINT.id, copies });

  const { status } = await withBackups({ verify }).run('backups', 'verify', 'p9f4');
  const json = await withBackups({ verify }).run('backups', 'verify', 'p9f4', '--json');

  expect(status).toBe(expected);
  expect(JSON.parse(json.stdout).verified).toBe(expected === 0);
});

test('files are one line each, whatever their names hold, and one document with --json', async () => {
  const base = { type: 'file', size: 3, mode: '0644', owner: 'root', group: 'root', link: null };
  const made = '2026-03-01T02:00:00.000Z';
  const more: Partial<Backups> = {
    async *files() {
      yield { ...base, path: '/srv/a\nb', modifiedAt: made };
      yield { ...base, path: '/srv/c', modifiedAt: made, type: 'symlink', link: 'a' };
    },
  };

  const lines = await withBackups(more).run('backups', 'files', 'p9f4');
  const json = await withBackups(more).run('backups', 'files', 'p9f4', '--json');
  const nothing = await withBackups().run('backups', 'files', 'p9f4', 'notes/*');
  const empty = await withBackups().run('backups', 'files', 'p9f4', '*.none', '--json');

  expect(lines.stdout).toBe(
    '-0644 root root      3 B  2026-03-01 02:00:00  /srv/a\\nb\nl0644 root root      3 B  2026-03-01 02:00:00  /srv/c -> a\n',
  );
  expect(nothing).toMatchObject({
    status: 0,
    stdout: '',
    stderr: expect.stringContaining('No file of the set matches'),
  });
  expect(JSON.parse(json.stdout).files.map(({ path }: { path: string }) => path)).toEqual(['/srv/a\nb', '/srv/c']);
  expect(JSON.parse(empty.stdout)).toEqual({ files: [] });
});

test('a restore to the original place is asked about on a terminal, and one to a folder is not', async () => {
  const wishes: RestoreWish[] = [];
  const asked: string[] = [];
  const more: Partial<Backups> = {
    restore: async (_id, wish) => {
      wishes.push(wish);
      return { id: POINT.id, service: 'notes', from: 'usb', targets: ['/tmp/x'], files: 1, bytes: 3, warnings: [] };
    },
  };
  const ask = async (question: string) => {
    asked.push(question);
    return false;
  };

  const inPlace = await withBackups(more, { terminal: { ask } }).run('backups', 'restore', 'p9f4');
  const aside = await withBackups(more, { terminal: { ask } }).run(
    'backups',
    'restore',
    'p9f4',
    '--to',
    '/tmp/x',
    '--only',
    'a',
    '--only',
    'b',
  );

  expect(asked).toEqual(['Put these files back?']);
  expect(inPlace.stderr).toContain('Nothing was restored.');
  expect(wishes).toMatchObject([{ to: '/tmp/x', only: ['a', 'b'], overwrite: false }]);
  expect(aside.stdout).toBe('restored notes: 1 file, 3 B from usb to /tmp/x\n');
});

test('a refused restore exits with 1 and says what can be done', async () => {
  const restore = async () => {
    throw new AutopilotError('HA_RESTORE_REFUSED', 'the restore would destroy 1 file', { next: 'add --overwrite' });
  };

  const { status, stderr } = await withBackups({ restore }).run('backups', 'restore', 'p9f4', '--yes');

  expect(status).toBe(1);
  expect(stderr).toBe('the restore would destroy 1 file\n  add --overwrite\n');
});

test('a prune tells of every set what would become of it and why', async () => {
  const decision = { service: 'notes', destination: 'usb', id: POINT.id, createdAt: POINT.createdAt, sizeBytes: 10 };
  const decisions = [
    { ...decision, keep: true, reasons: ['keep_last 3', 'pinned'] },
    { ...decision, id: 'p9f4zzzzzzzz', keep: false, reasons: ['no rule keeps it'] },
  ];

  const { stdout } = await withBackups({ prunePlan: async () => ({ decisions, troubles: [] }) }).run(
    'backups',
    'prune',
    '--dry-run',
  );

  expect(stdout).toContain('p9f4b  02:00       keep    keep_last 3; pinned');
  expect(stdout).toContain('p9f4z  02:00       remove  no rule keeps it');
  expect(stdout).toContain('would remove 1 set of 2, 10 B; nothing was removed');
});

test('on a blank machine the path of a destination stands for a configuration', async () => {
  let bare = 0;
  const settings = { config: configOf({ services: [] }), catalog: createCatalog([]), problems: [] };
  const rooms = {
    loadSettings: async () => {
      throw new AutopilotError('HA_CONFIG_UNREADABLE', 'no configuration found');
    },
    bareSettings: async () => {
      bare += 1;
      return settings;
    },
  };

  const path = await withBackups({}, { rooms }).run('backups', '--destination', '/mnt/usb/backups');
  const name = await withBackups({}, { rooms }).run('backups', '--destination', 'usb');

  expect(path.status).toBe(0);
  expect(bare).toBe(1);
  expect(name.status).toBe(2);
});

test('services are shown with state and last backup; what is not known is never shown as good', async () => {
  const rooms = {
    serviceState: async (_settings: unknown, name: string) =>
      name === 'notes'
        ? { state: 'up' as const, version: '3.2', detail: '' }
        : { state: 'down' as const, version: null, detail: '502 from /healthz' },
  };

  const { stdout } = await withBackups({}, { rooms }).run('services');
  const json = await withBackups({}, { rooms }).run('services', '--json');

  expect(stdout).toMatch(/notes +up +3\.2 +nas +02:00 ✔ +1 of 2 verified/);
  expect(stdout).toMatch(/paperless +down +– +nas +never +– +never +– +502 from \/healthz/);
  expect(JSON.parse(json.stdout).services[1]).toMatchObject({ name: 'paperless', state: 'down', lastBackup: null });
});

test('backups of a whole guest are shown with what is known of each; the names are what restore-guest takes', async () => {
  const backup = (id: string, more: object) => ({
    id,
    guest: '104',
    storage: 'vault',
    createdAt: '2026-03-01T01:00:00.000Z',
    sizeBytes: 2_000_000_000,
    run: 'r1',
    verified: null,
    ...more,
  });
  const backups = [backup('vault:c', { run: null, verified: true }), backup('vault:b', { verified: false })];
  const found = { hypervisor: 'pve', guest: '104', backups };
  const rooms = { guestBackups: async () => found };

  const { stdout, status } = await withBackups({}, { rooms }).run('backups', 'guest', 'notes');
  const json = await withBackups({}, { rooms }).run('backups', 'guest', 'notes', '--json');
  const none = { guestBackups: async () => ({ ...found, backups: [] }) };
  const empty = await withBackups({}, { rooms: none }).run('backups', 'guest', 'notes');

  expect(status).toBe(0);
  expect(stdout).toMatch(/^BACKUPS OF 104 ON pve +MADE/);
  expect(stdout).toMatch(/vault:c +01:00 +2\.0 GB +checked by pve, not ours\n/);
  expect(stdout).toMatch(/vault:b +01:00 +2\.0 GB +damaged/);
  expect(JSON.parse(json.stdout)).toEqual({ service: 'notes', ...found, lastDrill: null });
  expect(empty.stdout).toBe('pve has no backup of 104.\n');
});
