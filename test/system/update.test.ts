/** Updates as their owner sees them: the new version works, or everything is as it was, program and data alike. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { root } from '#test/support/sources.ts';

const APP = join(root, 'test', 'fixtures', 'app.sh');

/** Each test has a service of its own, so that all of them can share one homelab. */
const SERVICES = 14;

const servicesOf = (n: number) => `
  - &app${n}
    name: app${n}
    type: generic
    validate: [{ type: command, command: [sh, ${APP}, DIR/app${n}, health] }]
    backup: &backup${n}
      paths: [DIR/app${n}/data]
      destinations: [usb]
      quiesce: { stop: [[sh, ${APP}, DIR/app${n}, stop]], start: [[sh, ${APP}, DIR/app${n}, start]] }
    update: &update${n}
      check: [sh, ${APP}, DIR/app${n}, newest]
      command: [sh, ${APP}, DIR/app${n}, update]
      version: [sh, ${APP}, DIR/app${n}, version]
      revert: [sh, ${APP}, DIR/app${n}, rollback]
  - { <<: *app${n}, name: unprotected${n}, backup: { <<: *backup${n}, destinations: [usb, away] } }
  - { <<: *app${n}, name: asked${n}, update: { <<: *update${n}, rollback: { mode: ask } } }
  - { <<: *app${n}, name: late${n}, update: { <<: *update${n}, rollback: { ask_after: 1ms } } }
  - { <<: *app${n}, name: left${n}, update: { <<: *update${n}, rollback: { mode: never } } }`;

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations:
  usb: { type: local, path: DIR/usb }
  away: { type: local, path: DIR/not/there }
updates: { gate: { timeout: 1s, stable_for: 200ms } }
services:${Array.from({ length: SERVICES }, (_, n) => servicesOf(n)).join('')}
`;

let lab: TestHomelab;
let app = 'app0';

beforeAll(async () => {
  lab = await startHomelab(CONFIG);
  await mkdir(join(lab.dir, 'usb'));
  await lab.start(['up', '--port', '0']);
});

afterAll(() => lab[Symbol.asyncDispose]());

let tests = 0;
beforeEach(async () => {
  app = `app${tests++}`;
  await lab.write(`${app}/data/schema`, '1\n');
  await lab.write(`${app}/data/note`, 'precious');
  await lab.write(`${app}/program`, '1\n');
  await lab.write(`${app}/state`, 'up\n');
});

const at = (file: string) => join(lab.dir, app, file);
const inApp = async (file: string) => (await readFile(at(file), 'utf8')).trim();
const offer = async (version: string) => await writeFile(at('newest'), version);

async function run(workflow: string, input: string[] = [], service = app): Promise<RunDetail> {
  return await lab.run(workflow, service, input);
}

async function restorePoints(): Promise<{ id: string; purpose: string }[]> {
  const { stdout } = await lab.cli(['backups', app, '--json']);
  return (JSON.parse(stdout) as { restorePoints: { id: string; purpose: string }[] }).restorePoints;
}

const undone = ({ steps }: RunDetail) => steps.filter(({ undo }) => undo).map(({ action }) => action);

test('an update that works stays, with a verified restore point of before', async () => {
  await offer('2');

  const update = await run('update');

  expect(update).toMatchObject({ status: 'succeeded', reason: null });
  expect([await inApp('program'), await inApp('data/schema'), await inApp('state')]).toEqual(['2', '2', 'up']);
  expect(await restorePoints()).toMatchObject([{ id: update.restorePoint, purpose: 'backup' }]);
});

test('without a newer version nothing is touched', async () => {
  await offer('1');

  const update = await run('update');

  expect(update.status).toBe('skipped');
  expect(await readdir(join(lab.dir, app))).not.toContain('diary');
  expect(await restorePoints()).toEqual([]);
});

test('an update that spoils the data is rolled back, program and data, and what it left is kept', async () => {
  await offer('2-bad');

  const update = await run('update');

  expect(update.status).toBe('rolled_back');
  expect([await inApp('program'), await inApp('data/schema'), await inApp('data/note')]).toEqual([
    '1',
    '1',
    'precious',
  ]);
  expect(await inApp('state')).toBe('up');
  expect(undone(update)).toEqual(['standby', 'capture', 'seal', 'restore', 'revert', 'validate']);
  const points = await restorePoints();
  expect(points.map(({ purpose }) => purpose)).toEqual(['before-rollback', 'backup']);
  const replaced = join(lab.dir, 'replaced');
  await lab.cli(['backups', 'restore', points[0]?.id ?? '', '--to', replaced]);
  expect(await readFile(join(replaced, at('data/schema')), 'utf8')).toBe('spoiled\n');
  expect(await readdir(join(lab.dir, 'state', 'backups', 'staging'))).toEqual([]);
  // Not a second time by itself, but when a person says so.
  expect(await run('update')).toMatchObject({ status: 'skipped' });
  await offer('3');
  expect(await run('update', ['to=2'])).toMatchObject({ status: 'succeeded' });
});

test('a protection that cannot be made stops the run before anything is changed', async () => {
  await offer('2');

  const update = await run('update', [], app.replace('app', 'unprotected'));

  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toContain('copy → away');
  expect([await inApp('program'), await inApp('state')]).toEqual(['1', 'up']);
});

test('a service that does not work is not updated, unless a person says so', async () => {
  await offer('2');
  await writeFile(at('data/schema'), 'broken');

  const refused = await run('update');
  const forced = await run('update', ['force=true']);

  expect(refused).toMatchObject({ status: 'failed' });
  expect(refused.reason).toContain('works now');
  expect(forced).toMatchObject({ status: 'succeeded' });
  expect(await inApp('program')).toBe('2');
});

test('a rollback that does not work is never reported as done: a person is called, and nothing is tidied away', async () => {
  await offer('2-bad');
  await writeFile(at('no-way-back'), '');

  const update = await run('update');

  expect(update).toMatchObject({ status: 'needs_attention', next: expect.stringContaining(`enqueue rollback ${app}`) });
  expect(update.reason).toContain('runs 2-bad and not 1');
  const staged = (await readdir(join(lab.dir, 'state', 'backups', 'staging'))).length;
  expect(staged).toBe(2);
  await rm(join(lab.dir, 'state', 'backups', 'staging'), { recursive: true });
});

test.each([
  ['a person is to be asked first', 'asked', 'rollback.mode is ask'],
  ['more was written since than may be lost unasked', 'late', 'more than rollback.ask_after, 0s'],
])(
  'where %s, an update that fails its gate is left as it is, and a person is called with the command',
  async (_, kind, why) => {
    const service = app.replace('app', kind);
    await offer('2-bad');

    const update = await run('update', [], service);

    expect(update.status).toBe('needs_attention');
    expect(update.reason).toMatch(
      new RegExp(`"ask a person first": what was written in the \\d+s since .* \\(${why}\\)$`),
    );
    expect(update.next).toContain(`enqueue rollback ${service} --input to=${update.restorePoint}  , and`);
    expect(undone(update)).toEqual(['weigh']);
    expect([await inApp('program'), await inApp('state')]).toEqual(['2-bad', 'up']);
    expect(await run('rollback', [`to=${update.restorePoint}`], service)).toMatchObject({ status: 'succeeded' });
    expect([await inApp('program'), await inApp('data/note')]).toEqual(['1', 'precious']);
    await rm(join(lab.dir, 'state', 'backups', 'staging'), { recursive: true });
    // Nor does it come again by itself.
    expect(await run('update', [], service)).toMatchObject({ status: 'skipped' });
  },
);

test('where nothing is ever to be put back, a version that fails its gate stays, and a person is called', async () => {
  await offer('2-bad');

  const update = await run('update', [], app.replace('app', 'left'));

  expect(update).toMatchObject({ status: 'needs_attention', next: expect.stringContaining('enqueue rollback left') });
  expect(update.reason).toContain('step "gate"');
  expect(undone(update)).toEqual([]);
  expect(await inApp('program')).toBe('2-bad');
  await rm(join(lab.dir, 'state', 'backups', 'staging'), { recursive: true });
});

test('a rollback by hand brings program and data of a restore point back, and can itself be taken back', async () => {
  await offer('2');
  const { restorePoint } = await run('update');
  await writeFile(at('data/note'), 'written since');

  const rollback = await run('rollback', [`to=${restorePoint}`]);

  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect([await inApp('program'), await inApp('data/schema'), await inApp('data/note')]).toEqual([
    '1',
    '1',
    'precious',
  ]);
  const [replaced] = await restorePoints();
  expect(replaced).toMatchObject({ purpose: 'before-rollback' });
  const back = await run('rollback', [`to=${replaced?.id}`]);
  expect(back).toMatchObject({ status: 'succeeded' });
  expect([await inApp('program'), await inApp('data/note')]).toEqual(['2', 'written since']);
});

test('a rollback after which the service does not work leads back to what was there before', async () => {
  const { restorePoint } = await lab.backup(app);
  await lab.write(`${app}/program`, '2\n');
  await lab.write(`${app}/data/schema`, '2\n');
  await lab.write(`${app}/data/note`, 'written since');

  const rollback = await run('rollback', [`to=${restorePoint}`, 'image=false']);

  expect(rollback.status).toBe('rolled_back');
  expect([await inApp('data/schema'), await inApp('data/note'), await inApp('state')]).toEqual([
    '2',
    'written since',
    'up',
  ]);
});

test('a service whose data is lost is restored whole', async () => {
  const { restorePoint } = await lab.backup(app);
  await rm(at('data'), { recursive: true });
  await writeFile(at('state'), 'down');

  const restored = await run('restore');

  expect(restored).toMatchObject({ status: 'succeeded' });
  expect(restorePoint).not.toBeNull();
  expect([await inApp('data/note'), await inApp('state')]).toEqual(['precious', 'up']);
});

test('a restore refuses to destroy what is newer, unless told', async () => {
  await lab.backup(app);
  await writeFile(at('data/note'), 'newer');

  const refused = await run('restore');
  const told = await run('restore', ['overwrite=true']);

  expect(refused).toMatchObject({ status: 'failed' });
  expect(refused.reason).toContain('newer than the set');
  expect(told).toMatchObject({ status: 'succeeded' });
  expect(await inApp('data/note')).toBe('precious');
});
