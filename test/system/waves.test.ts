/** Updates of services that need each other: one after the other, and none after one that did not go well. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { root } from '#test/support/sources.ts';

const APP = join(root, 'test', 'fixtures', 'app.sh');

const service = (name: string, needs: string) => `
  - name: ${name}
    type: generic
    depends_on: [${needs}]
    validate: [{ type: command, command: [sh, ${APP}, DIR/${name}, health] }]
    backup:
      paths: [DIR/${name}/data]
      destinations: [usb]
      quiesce: { stop: [[sh, ${APP}, DIR/${name}, stop]], start: [[sh, ${APP}, DIR/${name}, start]] }
    update:
      check: [sh, ${APP}, DIR/${name}, newest]
      command: [sh, ${APP}, DIR/${name}, update]
      version: [sh, ${APP}, DIR/${name}, version]
      revert: [sh, ${APP}, DIR/${name}, rollback]`;

// The proxy needs the shop, which needs the database; in the file they stand the other way round.
const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log, parallelism: { updates: 4 } }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { gate: { timeout: 1s, stable_for: 200ms } }
services:${service('proxy', 'shop')}${service('shop', 'db')}${service('notes', '')}${service('db', '')}
`;
const NAMES = ['proxy', 'shop', 'notes', 'db'];

let lab: TestHomelab;
let faults: string;

beforeAll(async () => {
  lab = await startHomelab(CONFIG);
  faults = join(lab.dir, 'faults');
  await mkdir(faults);
  await mkdir(join(lab.dir, 'usb'));
  for (const name of NAMES) {
    await lab.write(`${name}/data/schema`, '1\n');
    await lab.write(`${name}/program`, '1\n');
    await lab.write(`${name}/state`, 'up\n');
  }
  vi.stubEnv('HOMELAB_AUTOPILOT_FAULTS', faults);
  await lab.start(['up', '--port', '0']);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await lab[Symbol.asyncDispose]();
});

const program = async (name: string) => (await readFile(join(lab.dir, name, 'program'), 'utf8')).trim();

async function updateAll(versions: Record<string, string>): Promise<{ status: number; runs: Map<string, RunDetail> }> {
  for (const name of NAMES) await lab.write(`${name}/newest`, versions[name] ?? versions['all'] ?? '');
  const { status, stdout, stderr } = await lab.cli(['enqueue', 'update', '--all', '--wait', '--json']);
  if (stdout === '') throw new Error(stderr);
  const { runs } = JSON.parse(stdout) as { runs: RunDetail[] };
  return { status, runs: new Map(runs.map((run) => [run.service, run])) };
}

test('each service is updated after what it depends on, also when the controller is killed in between', async () => {
  await writeFile(join(faults, 'accept.after~die~1'), '');
  await writeFile(join(faults, 'finish.before~die~2'), '');

  const { status, runs } = await updateAll({ all: '2' });

  expect([...runs.values()].map((run) => `${run.service} ${run.status}`)).toEqual([
    'db succeeded',
    'shop succeeded',
    'proxy succeeded',
    'notes succeeded',
  ]);
  expect([existsSync(join(faults, 'done~accept.after')), existsSync(join(faults, 'done~finish.before'))]).toEqual([
    true,
    true,
  ]);
  const [db, shop, proxy] = ['db', 'shop', 'proxy'].map((name) => runs.get(name));
  expect(db?.finishedAt && shop?.startedAt && db.finishedAt <= shop.startedAt).toBe(true);
  expect(shop?.finishedAt && proxy?.startedAt && shop.finishedAt <= proxy.startedAt).toBe(true);
  expect(status).toBe(0);
});

test('an update that is rolled back stops those that depend on it, and they say which one; others go on', async () => {
  await writeFile(join(faults, 'undo.before~die~1'), '');

  const { status, runs } = await updateAll({ all: '3', db: '3-bad' });

  const told = (name: string) => [runs.get(name)?.status, runs.get(name)?.reason];
  expect(told('db')[0]).toBe('rolled_back');
  expect(told('notes')).toEqual(['succeeded', null]);
  const because = new RegExp('not begun: (shop|proxy) depends on db, whose update \\(run \\w+\\) ended as rolled_back');
  for (const name of ['shop', 'proxy']) {
    expect(told(name)).toEqual(['skipped', expect.stringMatching(because)]);
    expect(runs.get(name)?.next).toContain(`enqueue update ${name}`);
    expect(await program(name)).toBe('2');
  }
  expect([status, await program('db'), await program('notes')]).toEqual([1, '2', '3']);
});
