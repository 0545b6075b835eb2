/** A program that came as Debian packages: real apt and dpkg, in a system tree of their own, bring it forth and back, and change nothing else. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import { instanceSchema } from '#host/plugin-config.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/generic/index.ts';
import { machineState, makeApt, needsApt } from '#test/support/apt.ts';
import { tempDir } from '#test/support/tmp.ts';

beforeEach((context) => needsApt(context));

/** Version 1.0-1 of `notes` is installed. */
async function openNotes() {
  const dir = await tempDir();
  const apt = await makeApt(dir.path);
  const harness = await openPlugin(plugin);
  await apt.offer('notes', '1.0-1');
  await apt.install('notes', '1.0-1');
  const quiesce = {
    stop: [['sh', '-c', `echo stop >>${dir.path}/diary`]],
    start: [['sh', '-c', `echo start >>${dir.path}/diary`]],
  };
  const run = async (action: string, input: JsonObject = {}, packages = ['notes']) => {
    const validate = [{ type: 'command', command: ['true'] }];
    const config = { validate, backup: { paths: ['/srv'], quiesce }, update: { apt: { packages, root: apt.root } } };
    return await harness.run(action, config, input);
  };
  return {
    ...apt,
    run,
    diary: async () => (await readFile(join(dir.path, 'diary'), 'utf8').catch(() => '')).trim().split('\n'),
    /** All steps of an update that change something. */
    async update() {
      const check = await run('checkUpdate');
      const release = (await run('release'))['release'] as JsonObject;
      const targets = check['targets'] ?? [];
      await run('fetch', { targets });
      await run('hold', { set: 'set-1', release });
      return { release, input: { to: check['to'] ?? '', targets, release } };
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe('an update', () => {
  test('installs the version that was found, restarts the service, and touches nothing of this machine', async () => {
    const before = await machineState();
    await using notes = await openNotes();
    await notes.offer('notes', '1.1-1');

    const check = await notes.run('checkUpdate');
    const { input } = await notes.update();
    const updated = await notes.run('update', input);

    expect(check).toMatchObject({ available: true, from: '1.0-1', to: '1.1-1', summary: '1.0-1 → 1.1-1' });
    expect(updated).toEqual({ summary: '1.0-1 → 1.1-1', version: '1.1-1' });
    expect(await notes.status('notes')).toBe('ii 1.1-1');
    expect(await notes.diary()).toEqual(['stop', 'start']);
    expect(await machineState()).toBe(before);
  });

  test('can be done twice, as after a crash, and the second time installs nothing', async () => {
    await using notes = await openNotes();
    await notes.offer('notes', '1.1-1');
    const { input } = await notes.update();
    await notes.run('update', input);
    await notes.withdraw('notes', '1.1-1');

    const again = await notes.run('update', input);

    expect(again).toMatchObject({ version: '1.1-1' });
  });

  test('tells when the machine wants to be restarted, and because of what', async () => {
    await using notes = await openNotes();
    await notes.offer('notes', '1.1-1');
    const { input } = await notes.update();
    await writeFile(join(notes.root, 'var/run/reboot-required'), '*** System restart required ***\n');
    await writeFile(join(notes.root, 'var/run/reboot-required.pkgs'), 'linux-image\nlinux-image\n');

    const updated = await notes.run('update', input);
    const inspected = await notes.run('inspect');

    const told = 'the machine wants to be restarted (because of linux-image)';
    expect(updated['summary']).toBe(`1.0-1 → 1.1-1; ${told}`);
    expect(inspected['detail']).toContain(told);
  });
});

describe('the way back', () => {
  test('brings exactly the old version, though no repository has it any more', async () => {
    await using notes = await openNotes();
    await notes.offer('notes', '1.1-1');
    const { input, release } = await notes.update();
    await notes.run('update', input);
    await notes.withdraw('notes', '1.0-1');

    const reverted = await notes.run('revert', { release });

    expect(reverted).toMatchObject({ version: '1.0-1' });
    expect(await notes.status('notes')).toBe('ii 1.0-1');
  });

  test('is made sure of before anything is changed', async () => {
    await using notes = await openNotes();
    await notes.offer('notes', '1.1-1');
    await notes.withdraw('notes', '1.0-1');
    await notes.run('checkUpdate');
    const { release } = await notes.run('release');

    const failed = notes.run('hold', { set: 'set-1', release: release as JsonObject });

    await expect(failed).rejects.toMatchObject({
      code: 'HA_NOT_FOUND',
      message: 'test: no repository has notes 1.0-1 any more, so there is no way back to it',
    });
  });

  test('is kept for one restore point alone', async () => {
    await using notes = await openNotes();
    const { release } = await notes.run('release');
    await notes.run('hold', { set: 'set-1', release: release as JsonObject });
    await notes.run('hold', { set: 'set-2', release: release as JsonObject });

    const first = await notes.run('letGo', { keep: 'set-2' });
    const second = await notes.run('letGo', { keep: 'set-2' });

    expect([first['summary'], second['summary']]).toEqual(['older package files let go', 'nothing older was kept']);
  });

  test('from a restore point whose packages are no names is refused', async () => {
    await using notes = await openNotes();
    const release = { version: '1', images: [], configFiles: [], detail: { packages: { '-oDir=/': '1' } } };

    const failed = notes.run('revert', { release });

    await expect(failed).rejects.toMatchObject({ code: 'HA_SET_CORRUPT' });
  });
});

describe('what is not taken', () => {
  test('is a package on hold, also when a person names the version', async () => {
    await using notes = await openNotes();
    await notes.offer('notes', '1.1-1');
    await notes.hold('notes');

    const check = await notes.run('checkUpdate');
    const named = notes.run('checkUpdate', { to: '1.1-1' });

    expect(check).toMatchObject({ available: false, summary: 'notes is held (apt-mark unhold releases it)' });
    await expect(named).rejects.toMatchObject({ code: 'HA_CONFLICT' });
  });

  test('is one that would change another installed package, which no rollback would bring back', async () => {
    await using notes = await openNotes();
    await notes.offer('libnotes', '1.0-1');
    await notes.install('libnotes', '1.0-1');
    await notes.offer('libnotes', '2.0-1');
    await notes.offer('notes', '1.1-1', { depends: 'libnotes (>= 2)' });

    const alone = await notes.run('checkUpdate');
    const together = await notes.run('checkUpdate', {}, ['notes', 'libnotes']);

    expect(alone).toMatchObject({
      available: false,
      summary: '1.1-1 is held: it would also change libnotes 1.0-1 → 2.0-1, which no rollback would bring back',
    });
    expect(together).toMatchObject({ available: true, to: '1.1-1_2.0-1' });
  });

  test('is a version that was rolled back, until a person names it', async () => {
    await using notes = await openNotes();
    await notes.offer('notes', '1:1.1+x~1-1');
    const at = new Date(0).toISOString();
    const decisions = [{ service: 'test', image: null, decision: 'skip', version: '1:1.1+x~1-1', at }];

    const check = await notes.run('checkUpdate', { policy: { decisions } });
    const named = await notes.run('checkUpdate', { policy: { decisions }, to: '1:1.1+x~1-1' });

    expect(check).toMatchObject({ available: false, summary: expect.stringContaining('is held: it was skipped') });
    expect(named).toMatchObject({ available: true });
  });

  test('is a version that nobody offers, or that is none', async () => {
    await using notes = await openNotes();

    await expect(notes.run('checkUpdate', { to: '9.9-1' })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
    await expect(notes.run('checkUpdate', { to: '1.0 -oDir=/' })).rejects.toMatchObject({ code: 'HA_USAGE' });
  });

  test('is anything while a repository cannot be asked: that is no proof that nothing is newer', async () => {
    await using notes = await openNotes();
    await writeFile(join(notes.root, 'etc/apt/sources.list'), 'deb [trusted=yes] file:/not/there ./\n');

    await expect(notes.run('checkUpdate')).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  });

  test('is a package that is not installed', async () => {
    await using notes = await openNotes();

    const failed = notes.run('checkUpdate', {}, ['notes', 'nots']);

    await expect(failed).rejects.toMatchObject({
      code: 'HA_NOT_FOUND',
      message: 'test: the package nots is not installed here',
    });
  });
});

test('a systemd service is stopped and started by its unit; where systemd does not run, that is told', async () => {
  await using harness = await openPlugin(plugin);
  const config = { unit: 'no-such-notes.service', backup: { paths: ['/srv'] } };

  const inspected = await harness.run('inspect', config);
  const failed = harness.run('quiesce', config);

  expect(inspected).toMatchObject({
    state: 'down',
    detail: expect.stringContaining('systemctl is-active -- no-such-notes.service'),
  });
  await expect(failed).rejects.toThrow('systemctl');
});

test.each([
  ['a unit that looks like an option', { unit: '--now.service' }],
  ['a unit with a path', { unit: '../notes.service' }],
  ['a unit that is no service', { unit: 'notes' }],
  ['a package that looks like an option', { update: { apt: { packages: ['-y'] } } }],
  ['a package that apt would remove', { update: { apt: { packages: ['notes-'] } } }],
  ['a package of another release', { update: { apt: { packages: ['notes/sid'] } } }],
  ['no package', { update: { apt: { packages: [] } } }],
  ['a tree through ".."', { update: { apt: { packages: ['notes'], root: '/srv/../etc' } } }],
])('a service with %s is refused', (_, config) => {
  expect(instanceSchema(plugin).safeParse({ backup: { paths: ['/srv'] }, ...config }).success).toBe(false);
});
