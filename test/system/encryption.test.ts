/** Encrypted backups as their owner sees them: with the identity all is as it was, without it nothing is changed first. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';

const APP = join(root, 'test', 'fixtures', 'app.sh');

const appOf = (name: string, encryption: string) => `
  - name: ${name}
    type: generic
    validate: [{ type: command, command: [sh, ${APP}, DIR/${name}, health] }]
    backup:
      paths: [DIR/${name}/data]
      quiesce: { stop: [[sh, ${APP}, DIR/${name}, stop]], start: [[sh, ${APP}, DIR/${name}, start]] }
      encryption: ${encryption}
    update:
      check: [sh, ${APP}, DIR/${name}, newest]
      command: [sh, ${APP}, DIR/${name}, update]
      version: [sh, ${APP}, DIR/${name}, version]
      revert: [sh, ${APP}, DIR/${name}, rollback]`;

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { gate: { timeout: 1s, stable_for: 200ms } }
backup:
  destinations: [usb]
  encryption: { recipients: [RECIPIENT], identity_file: secrets/age.key }
services:
  - { name: notes, type: generic, backup: { paths: [DIR/notes] } }
  - { name: open, type: generic, backup: { paths: [DIR/open], encryption: { enabled: false } } }${appOf('app', '{}')}${appOf('elsewhere', '{ identity_file: secrets/gone.key }')}
`;

let lab: TestHomelab;
let identity = '';
let recipient = '';

beforeAll(async () => {
  if (!hasTool('age')) return;
  lab = await startHomelab(CONFIG);
  identity = join(lab.dir, 'secrets/age.key');
  await mkdir(join(lab.dir, 'secrets'));
  execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
  recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  await lab.write('homelab-autopilot.yaml', CONFIG.replaceAll('DIR', lab.dir).replace('RECIPIENT', recipient));
  await mkdir(join(lab.dir, 'usb'));
  await lab.write('notes/private-name.txt', 'private-content');
  await lab.write('open/b.txt', 'open');
  for (const app of ['app', 'elsewhere']) {
    await lab.write(`${app}/data/schema`, '1\n');
    await lab.write(`${app}/data/note`, 'private-note');
    await lab.write(`${app}/program`, '1\n');
    await lab.write(`${app}/state`, 'up\n');
  }
  await mkdir(join(lab.dir, 'faults'));
  vi.stubEnv('HOMELAB_AUTOPILOT_FAULTS', join(lab.dir, 'faults'));
  await lab.start(['up', '--port', '0']);
  vi.unstubAllEnvs();
});

beforeEach((context) => needs(context, 'age', 'age-keygen'));
afterAll(async () => lab?.[Symbol.asyncDispose]());

async function pointOf(service: string): Promise<string> {
  const { restorePoints } = JSON.parse((await lab.cli(['backups', service, '--json'])).stdout);
  return restorePoints[0].id;
}

/** While the work is done, the identity is not where it should be. */
async function withoutIdentity<T>(work: () => Promise<T>): Promise<T> {
  await rename(identity, `${identity}.away`);
  try {
    return await work();
  } finally {
    await rename(`${identity}.away`, identity);
  }
}

test('a backup is encrypted, and is listed, looked into, verified, drilled and restored as any other', async () => {
  const run = await lab.backup('notes');
  const id = await pointOf('notes');

  expect(run).toMatchObject({ status: 'succeeded', reason: null });
  expect((await lab.cli(['plan', 'backup', 'notes'])).stdout).toMatch(/encrypted for +age1/);
  const set = join(lab.dir, 'usb/notes', id);
  for (const file of await readdir(set)) {
    expect((await readFile(join(set, file))).includes('private'), file).toBe(false);
  }
  expect((await lab.cli(['backups', 'show', id])).stdout).toContain(`from     ${lab.dir}/notes`);
  expect((await lab.cli(['backups', 'files', id])).stdout).toContain('private-name.txt');
  expect((await lab.cli(['backups', 'verify', id])).status).toBe(0);
  expect(await lab.run('drill', 'notes')).toMatchObject({ status: 'succeeded' });
  const to = join(lab.dir, 'to');
  expect((await lab.cli(['backups', 'restore', id, '--to', to])).status).toBe(0);
  expect(await readFile(join(to, lab.dir, 'notes/private-name.txt'), 'utf8')).toBe('private-content');
});

test('without the identity a backup works and says so; whatever needs it ends before anything is changed', async () => {
  await lab.backup('notes');
  const id = await pointOf('notes');
  await withoutIdentity(async () => {
    const run = await lab.backup('notes');
    const [shown, files, verified, restored] = [
      await lab.cli(['backups', 'show', id]),
      await lab.cli(['backups', 'files', id]),
      await lab.cli(['backups', 'verify', id]),
      await lab.cli(['backups', 'restore', id, '--overwrite', '--yes']),
    ];
    const drill = await lab.run('drill', 'notes');

    expect(run.status).toBe('succeeded');
    expect(JSON.stringify(run)).toContain('it is backed up all the same');
    expect(shown.status).toBe(0);
    expect(shown.stdout).toContain(`${identity}: there is no such file`);
    expect(files.status).not.toBe(0);
    expect(files.stderr).toContain('put the identity there');
    expect(verified.status).toBe(1);
    expect(verified.stdout).toContain('its checksums match, but nobody has looked into it');
    expect(verified.stdout).not.toContain('\\n');
    expect(restored.status).not.toBe(0);
    expect(restored.stderr).toContain(`${identity}: there is no such file`);
    expect(drill).toMatchObject({ status: 'failed', next: expect.stringContaining('put the identity there') });
  });
});

test.each(['capture.middle', 'seal.before-rename'])(
  'a worker that is killed at %s leaves nothing behind, and the backup is made',
  async (point) => {
    await lab.write(`faults/${point}~die~1`, '');

    const run = await lab.backup('notes');

    expect(run.status).toBe('succeeded');
    expect(await readdir(join(lab.dir, 'faults'))).toContain(`done~${point}`);
    expect(await readdir(join(lab.dir, 'state/backups/staging'))).toEqual([]);
    expect((await lab.cli(['backups', 'verify', await pointOf('notes')])).status).toBe(0);
    const left = execFileSync('sh', ['-c', `ps -eo args | grep '^[^ ]*age --' | grep -F ${recipient} || true`]);
    expect(left.toString()).toBe('');
  },
);

test('a set is opened by the identity that is named on the command line, also on a blank machine', async () => {
  await lab.backup('notes');
  const id = await pointOf('notes');
  await lab.write('blank.yaml', 'version: 1\n');

  const words = ['backups', 'files', id, '--destination', join(lab.dir, 'usb')];
  const refused = await lab.cli(words, 'blank.yaml');
  const opened = await lab.cli([...words, '--identity', identity], 'blank.yaml');

  expect(refused.stderr).toContain('no identity is configured');
  expect(opened.stdout).toContain('private-name.txt');
});

test('a service that says so is not encrypted, and sets of before stay restorable beside encrypted ones', async () => {
  const run = await lab.backup('open');
  const id = await pointOf('open');

  expect(run.status).toBe('succeeded');
  expect(await readdir(join(lab.dir, 'usb/open', id))).toContain('data.tar.zst');
  expect((await lab.cli(['backups', 'verify', id])).status).toBe(0);
});

test('an update that fails is brought back out of its encrypted restore point', async () => {
  await lab.write('app/newest', '2-bad\n');

  const run = await lab.run('update', 'app');

  expect(run.status).toBe('rolled_back');
  expect(await readFile(join(lab.dir, 'app/data/note'), 'utf8')).toBe('private-note');
  expect(await readFile(join(lab.dir, 'app/program'), 'utf8')).toBe('1\n');
});

test('an update that could not be brought back is refused before anything is changed', async () => {
  await lab.write('elsewhere/newest', '2\n');

  const run = await lab.run('update', 'elsewhere');

  expect(run).toMatchObject({ status: 'failed', next: expect.stringContaining('put the identity there') });
  expect(run.reason).toContain('gone.key: there is no such file');
  expect(await readFile(join(lab.dir, 'elsewhere/program'), 'utf8')).toBe('1\n');
  expect(run.steps.find(({ action }) => action === 'quiesce')).toMatchObject({ attempts: 0 });
});

test('a rollback goes to an encrypted restore point, and keeps what it replaces encrypted', async () => {
  await lab.backup('app');
  await writeFile(join(lab.dir, 'app/data/note'), 'private-later');

  const run = await lab.run('rollback', 'app');

  expect(run.status).toBe('succeeded');
  expect(await readFile(join(lab.dir, 'app/data/note'), 'utf8')).toBe('private-note');
  const packed = execFileSync('sh', ['-c', `grep -rl private- ${join(lab.dir, 'usb/app')} || true`], {
    encoding: 'utf8',
  });
  expect(packed).toBe('');
});

test('a rollback that nobody here could open is refused before anything is changed', async () => {
  await lab.backup('elsewhere');

  const run = await lab.run('rollback', 'elsewhere');

  expect(run).toMatchObject({ status: 'failed', next: expect.stringContaining('put the identity there') });
  expect(run.steps.filter(({ attempts }) => attempts > 0).map(({ action }) => action)).not.toContain('standby');
  expect(await readFile(join(lab.dir, 'elsewhere/state'), 'utf8')).toBe('up\n');
});

test('doctor tries the identity and never shows it', async () => {
  const with_ = await lab.cli(['doctor']);
  const without = await withoutIdentity(async () => await lab.cli(['doctor']));

  expect(with_.stdout).toContain('the identity opens what is encrypted for');
  expect(with_.stdout).toContain('gone.key: there is no such file');
  expect(without.stdout).toContain(`${identity}: there is no such file`);
  expect(with_.stdout + with_.stderr).not.toContain('AGE-SECRET');
});

test('an identity that others can read is told with its place in the file', async () => {
  await chmod(identity, 0o644);
  const checked = await lab.cli(['config', 'validate']);
  await chmod(identity, 0o600);

  expect(checked.stdout + checked.stderr).toMatch(/homelab-autopilot\.yaml:7:\d+ {2}backup\.encryption\.identity_file/);
  expect(checked.stdout + checked.stderr).toContain(`others can read ${identity}`);
});
