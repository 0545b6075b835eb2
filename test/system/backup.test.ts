/** A backup as its owner sees it: real processes, a real service, and everything that may go wrong with it. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Started, TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { eventually } from '#test/support/wait.ts';

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations:
  usb: { type: local, path: DIR/usb }
  vault: { type: local, path: DIR/vault }
  away: { type: local, path: DIR/not/there }
services:
  - name: notes
    type: generic
    backup:
      paths: [DIR/data]
      destinations: [usb, vault]
      quiesce: { stop: [[sh, DIR/service.sh, stop]], start: [[sh, DIR/service.sh, start]] }
  - name: hanging
    type: generic
    backup:
      paths: [DIR/data]
      destinations: [usb]
      commands: { before: [[sh, -c, "sleep 987 & echo $$$$ > DIR/hanging.pid; wait"]], timeout: 1s }
      quiesce: { stop: [[sh, DIR/service.sh, stop]], start: [[sh, DIR/service.sh, start]] }
  - name: refusing
    type: generic
    backup:
      paths: [DIR/data]
      destinations: [usb]
      commands: { before: [["false"]] }
      quiesce: { stop: [[sh, DIR/service.sh, stop]], start: [[sh, DIR/service.sh, start]] }
  - name: half
    type: generic
    backup: { paths: [DIR/data], destinations: [usb, away] }
  - name: gone
    type: generic
    backup: { paths: [DIR/no-such-data], destinations: [usb] }
`;

/** A service whose state is one file: what is stopped must be up again at the end. */
const SERVICE = 'case $1 in stop) echo down > DIR/service.state ;; start) echo up > DIR/service.state ;; esac\n';

let lab: TestHomelab;
let stack: Started;

beforeAll(async () => {
  lab = await startHomelab(CONFIG);
  await lab.write('service.sh', SERVICE.replaceAll('DIR', lab.dir));
  await lab.write('service.state', 'up\n');
  await lab.write('data/a.txt', 'one');
  await lab.write('data/deep/b.bin', 'two'.repeat(10_000));
  stack = await lab.start(['up', '--port', '0']);
});

afterAll(() => lab[Symbol.asyncDispose]());

const serviceState = async () => (await readFile(join(lab.dir, 'service.state'), 'utf8')).trim();
const stepOf = (run: Awaited<ReturnType<TestHomelab['backup']>>, name: string) =>
  run.steps.find((step) => step.name === name);

describe('a backup', () => {
  test('reaches every destination verified, with the service up again and no staging left', async () => {
    const run = await lab.backup('notes');

    expect(run.status).toBe('succeeded');
    expect(await serviceState()).toBe('up');
    // From the stop to the start, and no longer: copies are made and verified while the service runs.
    const [from, to] = [stepOf(run, 'quiesce')?.startedAt, stepOf(run, 'resume')?.finishedAt];
    expect(run.outageMs).toBe(Date.parse(to ?? '') - Date.parse(from ?? ''));
    expect(await readdir(join(lab.dir, 'state', 'backups', 'staging'))).toEqual([]);
    const { stdout } = await lab.cli(['backups', 'notes', '--json']);
    const { restorePoints } = JSON.parse(stdout);
    expect(restorePoints[0]).toMatchObject({
      id: run.restorePoint,
      service: 'notes',
      copies: [
        { destination: 'usb', status: 'verified' },
        { destination: 'vault', status: 'verified' },
      ],
    });
  });

  test('can be restored to what was there, and a flipped byte in it is found and named', async () => {
    const { restorePoint } = await lab.backup('notes');
    const id = restorePoint ?? '';
    await writeFile(join(lab.dir, 'data', 'a.txt'), 'ruined');

    const restored = await lab.cli(['backups', 'restore', id, '--overwrite']);

    expect(restored).toMatchObject({ status: 0 });
    expect(await readFile(join(lab.dir, 'data', 'a.txt'), 'utf8')).toBe('one');

    const archive = join(lab.dir, 'vault', 'notes', id, 'data.tar.zst');
    const bytes = await readFile(archive);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    await writeFile(archive, bytes);
    const verdict = await lab.cli(['backups', 'verify', id]);
    expect(verdict.status).toBe(1);
    expect(verdict.stdout + verdict.stderr).toMatch(/vault/);
    expect(verdict.stdout + verdict.stderr).toMatch(/data\/(a\.txt|deep\/b\.bin)/);
  });

  test('with a before-command that hangs kills it at its limit, and the service is up', async () => {
    const run = await lab.backup('hanging');

    expect(run.status).toBe('failed');
    expect(stepOf(run, 'quiesce')).toMatchObject({ status: 'failed', errorCode: 'HA_COMMAND_TIMEOUT' });
    expect(await serviceState()).toBe('up');
    const pid = (await readFile(join(lab.dir, 'hanging.pid'), 'utf8')).trim();
    await expect(readFile(`/proc/${pid}/status`)).rejects.toThrow('ENOENT');
  });

  test('with a before-command that fails says which, and the service is up', async () => {
    const run = await lab.backup('refusing');

    expect(run.status).toBe('failed');
    expect(run.reason).toContain('false');
    expect(await serviceState()).toBe('up');
  });

  test('to a destination that is away ends as failed, names it, and keeps what was made before', async () => {
    const run = await lab.backup('half');

    expect(run.status).toBe('failed');
    expect(`${run.reason} ${run.next}`).toContain('away');
    expect(await readdir(join(lab.dir, 'state', 'backups', 'staging'))).toEqual([]);
  });

  test('of a path that is not there fails before anything is stopped', async () => {
    const run = await lab.backup('gone');

    expect(run.status).toBe('failed');
    expect(run.reason).toContain('no-such-data');
    expect(stepOf(run, 'quiesce')).toMatchObject({ status: 'planned' });
  });

  test('that was killed with everything else goes on at the next start', async () => {
    await lab.write('slow.flag', '');
    const asked = await lab.cli(['enqueue', 'backup', 'notes', '--json']);
    const [{ id }] = JSON.parse(asked.stdout).runs;

    await stack.stop('SIGKILL');
    stack = await lab.start(['up', '--port', '0']);
    const detail = await eventually(
      'the run ends',
      async () => {
        const { stdout } = await lab.cli(['runs', 'show', id, '--json']);
        const run = JSON.parse(stdout);
        return run.finishedAt === null ? undefined : run;
      },
      25_000,
    );

    expect(detail.status).toBe('succeeded');
    expect(await serviceState()).toBe('up');
  });
});

describe('the plan', () => {
  test('is shown without changing anything', async () => {
    const before = await lab.cli(['runs', '--json']);

    const { status, stdout } = await lab.cli(['plan', 'backup', 'notes']);

    expect(status).toBe(0);
    expect(stdout).toMatch(/quiesce[\s\S]*copy → usb[\s\S]*copy → vault/);
    expect((await lab.cli(['runs', '--json'])).stdout).toBe(before.stdout);
  });
});

describe('the queue page', () => {
  test('shows a run as a flow with its steps, and answers on loopback only', async () => {
    const { id } = await lab.backup('notes');

    const response = await fetch(`${stack.url}/queues/api/queues/runs/${id}/flow`);
    const { flowRoot } = (await response.json()) as { flowRoot: { children: unknown[] } };
    const foreign = await fetch(`${stack.url}/queues/api/queues`, { headers: { origin: 'http://evil.example' } });

    expect(flowRoot.children).toContainEqual(expect.objectContaining({ name: 'capture', state: 'completed' }));
    expect(foreign.status).toBe(403);
  });
});

test('restore.sh of a set restores it with nothing of ours', async () => {
  const { restorePoint } = await lab.backup('notes');
  const copy = join(lab.dir, 'usb', 'notes', restorePoint ?? '');
  const target = join(lab.dir, 'by-hand');
  await rm(target, { recursive: true, force: true });

  const result = spawnSync('sh', [join(copy, 'restore.sh'), 'restore', target], {
    env: { PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
  });

  expect(`${result.stdout}${result.stderr}`).toContain('restored');
  expect(result.status).toBe(0);
  expect(await readFile(join(target, lab.dir, 'data', 'a.txt'), 'utf8')).toBe('one');
});
