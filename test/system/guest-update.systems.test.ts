/** Updates inside a guest, on a real Docker engine: what the update did to the guest comes back with its snapshot. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';

let engine: TestEngine;
let lab: TestHomelab;

/** Two daemons and five processes start: on a busy machine that takes a while. */
const PATIENCE_MS = 300_000;

/** The program lies in the layer of the container, its data in a volume. A bad version spoils both. */
const UPDATE = `set -eu
v=$HOMELAB_AUTOPILOT_VERSION
export DOCKER_HOST=unix://SOCKET
docker exec notes sh -c "echo $v > /program; echo $v > /data/schema"
case $v in *-bad) docker exec notes sh -c 'rm /data/note; touch /data/spoiled';; esac
case $v in *-gone) docker rm --force notes; docker volume rm notes_data;; esac
`;

const serviceOf = (name: string, guest: string) => `
  - name: ${name}
    type: generic
    guest: { hypervisor: dock, id: ${guest} }
    validate: [{ type: command, command: [sh, DIR/engine, exec, notes, sh, -c, "test ! -e /data/spoiled && cat /data/note"] }]
    backup:
      paths: [DIR/notes]
      destinations: [usb]
      quiesce: { stop: [[sh, DIR/engine, stop, notes]], start: [[sh, DIR/engine, start, notes]] }
    update:
      check: [cat, DIR/newest]
      command: [sh, DIR/update.sh]
      version: [sh, DIR/engine, exec, notes, cat, /program]`;

beforeAll(async () => {
  if (!canRunDocker()) return;
  engine = await startDocker();
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
hypervisors: { dock: { type: docker, socket: ${engine.socket} } }
updates: { gate: { timeout: 10s, stable_for: 200ms } }
services:${serviceOf('notes', 'notes')}${serviceOf('lost', 'not-there')}
`);
  await mkdir(join(lab.dir, 'usb'));
  await lab.write('engine', `exec docker --host unix://${engine.socket} "$@"\n`);
  await lab.write('notes/settings', 'one\n');
  await writeFile(join(lab.dir, 'update.sh'), UPDATE.replace('SOCKET', engine.socket));
  await lab.start(['up', '--port', '0']);
}, PATIENCE_MS);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

beforeEach(async (context) => {
  needsDocker(context);
  await engine.clear();
  const words = ['--name', 'notes', '--network', 'none', '--init', '-v', 'notes_data:/data'];
  await engine.docker('run', '-d', ...words, IMAGE, 'sleep', '100000');
  await inside('sh', '-c', 'echo 1 > /program; echo 1 > /data/schema; echo precious > /data/note');
});

const inside = (...words: string[]) => engine.docker('exec', 'notes', ...words);
const offer = (version: string) => writeFile(join(lab.dir, 'newest'), version);
const inGuest = () => inside('cat', '/program', '/data/schema', '/data/note');

async function update(service = 'notes'): Promise<RunDetail> {
  return await lab.run('update', service);
}

async function nothingIsLeft() {
  expect(await engine.docker('volume', 'ls', '-q', '--filter', 'name=homelab-autopilot')).toBe('');
  expect(await engine.docker('ps', '-aq', '--filter', 'name=homelab-autopilot')).toBe('');
}

test('an update that works stays, and the snapshot of before is gone', async () => {
  await offer('2');

  const run = await update();

  expect(run).toMatchObject({ status: 'succeeded' });
  expect(run.steps).toContainEqual(expect.objectContaining({ name: 'snapshot', status: 'succeeded' }));
  expect(await inGuest()).toBe('2\n2\nprecious');
  await nothingIsLeft();
});

test('an update that spoils the guest is undone by its snapshot, program and data', async () => {
  await offer('3-bad');

  const run = await update();

  expect(run).toMatchObject({ status: 'rolled_back' });
  const undone = run.steps.filter(({ undo }) => undo).map(({ action }) => action);
  expect(undone).toEqual(['restoreSnapshot', 'reseal', 'standby', 'restore', 'revert', 'validate']);
  expect(await inGuest()).toBe('1\n1\nprecious');
  expect(await inside('sh', '-c', 'ls /data')).toBe('note\nschema');
  await nothingIsLeft();
});

test('a guest that an update removed, with its data, is there again', async () => {
  await offer('4-gone');

  const run = await update();

  expect(run).toMatchObject({ status: 'rolled_back' });
  expect(await inGuest()).toBe('1\n1\nprecious');
  await nothingIsLeft();
});

test('without a snapshot there is no update: nothing is stopped or changed', async () => {
  await offer('5');
  const started = await engine.docker('inspect', '--format', '{{.State.StartedAt}}', 'notes');

  const run = await update('lost');

  expect(run).toMatchObject({ status: 'failed', reason: expect.stringContaining('there is no container "not-there"') });
  const begun = run.steps.filter(({ startedAt }) => startedAt !== null).map(({ action }) => action);
  expect(begun).toEqual(['checkUpdate', 'canSnapshot', 'setAside', 'discard']);
  expect(await engine.docker('inspect', '--format', '{{.State.StartedAt}}', 'notes')).toBe(started);
  expect(await inGuest()).toBe('1\n1\nprecious');
});
