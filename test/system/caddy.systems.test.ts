/** Updates of a real Caddy from a real apt repository, in a system tree of its own: the new version works, or package, files, keys and what ran are back. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { machineState, makeApt, needsApt, type TestApt } from '#test/support/apt.ts';
import { makeCaddy, type TestCaddy } from '#test/support/caddy.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { hasTool, needs } from '#test/support/needs.ts';

let lab: TestHomelab;
let apt: TestApt;
let caddy: TestCaddy;
let machine: string;

const canRun = () => ['caddy', 'apt-get', 'dpkg-scanpackages'].every(hasTool) && process.getuid?.() === 0;

const OLD = '2.6.2-5';

beforeAll(async () => {
  if (!canRun()) return;
  machine = await machineState();
  lab = await startHomelab('');
  apt = await makeApt(join(lab.dir, 'apt'));
  const program = join(apt.root, 'usr/bin/caddy');
  caddy = await makeCaddy(join(lab.dir, 'caddy'), program);
  await lab.write('homelab-autopilot.yaml', homelab());
  await mkdir(join(lab.dir, 'usb'));
  await apt.offer('caddy', OLD, { files: { 'usr/bin/caddy': GOOD } });
  await apt.install('caddy', OLD);
  await lab.start(['up', '--port', '0']);
});

afterAll(async () => {
  await caddy?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** Written as JSON, which is YAML. */
function homelab(): string {
  const service = {
    name: 'proxy',
    type: 'caddy',
    ...caddy.config,
    backup: { destinations: ['usb'] },
    update: { root: apt.root },
  };
  return JSON.stringify({
    version: 1,
    global: { name: 'test', host: 'here', state_dir: join(lab.dir, 'state'), log_dir: join(lab.dir, 'log') },
    destinations: { usb: { type: 'local', path: join(lab.dir, 'usb') } },
    updates: { gate: { timeout: '3s', stable_for: '500ms' } },
    services: [service],
  });
}

/** The program of each version is this system's Caddy; a bad one loses its keys, and does not start. */
const GOOD = '#!/bin/sh\nexec /usr/bin/caddy "$@"\n';
const BAD = '#!/bin/sh\n[ "$1" != run ] || { rm -rf "$XDG_DATA_HOME"/caddy/pki; exit 1; }\nexec /usr/bin/caddy "$@"\n';

/** What is rolled back once is held from then on, so each test has a version of its own. */
let tests = 0;
const next = () => `${OLD}+test${tests}`;

beforeEach(async (context) => {
  needs(context, 'caddy');
  needsApt(context);
  tests += 1;
  await caddy.stop();
  await caddy.write('file');
  await apt.offer('caddy', OLD, { files: { 'usr/bin/caddy': GOOD } });
  await apt.install('caddy', OLD);
  await caddy.start();
  await caddy.load('loaded');
});

async function run(workflow: string, input: string[] = []): Promise<RunDetail> {
  return await lab.run(workflow, 'proxy', input);
}

/** A repository has the newest version alone. */
async function offerNew(program: string): Promise<void> {
  await apt.offer('caddy', next(), { files: { 'usr/bin/caddy': program } });
}

test('a new version is taken, and what was loaded through the API still runs', async () => {
  await offerNew(GOOD);
  const before = await caddy.certificate();

  const update = await run('update');

  expect(update).toMatchObject({ status: 'succeeded', reason: null });
  expect(await apt.status('caddy')).toBe(`ii ${next()}`);
  expect(await caddy.answer()).toBe('loaded');
  expect(await caddy.certificate()).toBe(before);
  await apt.withdraw('caddy', next());
});

test('a version that loses its keys and does not start is rolled back: package, keys, and what ran; and it is held from then on', async () => {
  await offerNew(BAD);
  const before = await caddy.certificate();

  const update = await run('update');
  const again = await run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  expect(await apt.status('caddy')).toBe(`ii ${OLD}`);
  expect(await caddy.certificate()).toBe(before);
  expect(await caddy.answer()).toBe('loaded');
  expect(again).toMatchObject({ status: 'skipped' });
  await apt.withdraw('caddy', next());
});

test('a rollback by hand brings the old package back, though no repository has it any more', async () => {
  await offerNew(GOOD);
  await run('update');
  await apt.withdraw('caddy', OLD);
  await caddy.load('other');

  const rollback = await run('rollback');

  expect(rollback).toMatchObject({ status: 'succeeded' });
  expect(await apt.status('caddy')).toBe(`ii ${OLD}`);
  expect(await caddy.answer()).toBe('loaded');
  await apt.withdraw('caddy', next());
});

test('an old version that nobody has any more is no way back, so the update does not begin', async () => {
  await apt.withdraw('caddy', OLD);
  await rm(join(lab.dir, 'state', 'apt'), { recursive: true, force: true });
  await offerNew(GOOD);

  const update = await run('update');

  expect(update).toMatchObject({ status: 'failed' });
  expect(update.reason).toContain(`no repository has caddy ${OLD} any more`);
  expect(await apt.status('caddy')).toBe(`ii ${OLD}`);
  expect(await caddy.answer()).toBe('loaded');
  await apt.withdraw('caddy', next());
});

test('a package on hold is left alone, also when a person names the version', async () => {
  await offerNew(GOOD);
  await apt.hold('caddy');

  const update = await run('update');
  const asked = await run('update', [`to=${next()}`]);

  await apt.unhold('caddy');
  expect(update).toMatchObject({ status: 'skipped' });
  expect(JSON.stringify(update.steps)).toContain('caddy is held');
  expect(asked).toMatchObject({ status: 'failed' });
  expect(asked.reason).toContain('is held on this system');
  expect(await apt.status('caddy')).toBe(`ii ${OLD}`);
  await apt.withdraw('caddy', next());
});

test('all of it comes back when file, keys and Caddy itself are gone: the same certificate, and what ran', async () => {
  const before = await caddy.certificate();
  await run('backup');
  await caddy.stop();
  for (const path of ['etc', 'data', 'config']) await rm(join(caddy.dir, path), { recursive: true });

  const restore = await run('restore');

  expect(restore).toMatchObject({ status: 'succeeded' });
  expect(await caddy.certificate()).toBe(before);
  expect(await caddy.answer()).toBe('loaded');
});

test('nothing of this machine’s own packages was touched by any of it', async () => {
  expect(await machineState()).toBe(machine);
});
