/** A container of Proxmox VE, a stand-in over real LXC: it comes back from its snapshot and its backup, and drills prove that. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, type TestContext, test } from 'vitest';
import { z } from 'zod';
import type { RunDetail } from '#engine/run.ts';
import { fingerprintOf } from '#test/plugins/hypervisors/proxmox-bed.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { type Containers, needsLxc, openContainers } from '#test/support/lxc.ts';
import { expectNoSnapshots } from '#test/support/proxmox/leftovers.ts';
import { type FakeProxmox, startProxmox, TOKEN } from '#test/support/proxmox/server.ts';
import { tempDir } from '#test/support/tmp.ts';

const CT = 101;

interface Stage {
  containers: Containers;
  proxmox: FakeProxmox;
  lab: TestHomelab;
}

/** How a program on the node reaches the container, and stops and starts it. */
const NODE = `at="--lxcpath LXC --name ${CT}"
state() { lxc-info $at --state --no-humanize; }
case $1 in
stop) test "$(state)" = STOPPED || lxc-stop $at --timeout 20 ;;
start) test "$(state)" = RUNNING || lxc-start $at --daemon ;;
*) exec lxc-attach $at --clear-env -- "$@" ;;
esac
`;

/** A bad version spoils program and data; a worse one leaves a container that does not start any more. */
const UPDATE = `set -eu
v=$HOMELAB_AUTOPILOT_VERSION
sh DIR/node sh -c "echo $v > /mnt/program; echo $v > /mnt/schema"
case $v in *-bad) sh DIR/node sh -c 'rm /mnt/note; touch /mnt/spoiled' ;; esac
case $v in *-dead) sh DIR/node rm /sbin/init; sh DIR/node stop; ! sh DIR/node start ;; esac
`;

const config = (url: string, fingerprint: string) => `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
hypervisors: { pve: { type: proxmox, url: "${url}", fingerprint: "${fingerprint}", token_file: DIR/token, backup_storage: vault } }
updates: { gate: { timeout: 3s, stable_for: 200ms } }
services:
  - name: notes
    type: generic
    guest: { hypervisor: pve, id: ${CT} }
    validate: [{ type: command, command: [sh, DIR/node, sh, -c, "test ! -e /mnt/spoiled && cat /mnt/note"] }]
    backup:
      paths: [DIR/notes]
      destinations: [usb]
      guest: { keep_last: 2 }
      drill: { guest: { spare: 9101, storage: tank } }
      quiesce: { stop: [[sh, DIR/node, stop]], start: [[sh, DIR/node, start]] }
    update:
      check: [cat, DIR/newest]
      command: [sh, DIR/update.sh]
      version: [sh, DIR/node, cat, /mnt/program]
`;

const stack = new AsyncDisposableStack();
let stage: Stage | undefined;

afterAll(() => stack.disposeAsync());

beforeEach(async (context) => {
  needsLxc(context);
  stage ??= await openStage(context);
  await inside('sh', '-c', 'cd /mnt && echo 1 > program && echo 1 > schema && echo precious > note');
});

async function openStage(context: Pick<TestContext, 'skip'>): Promise<Stage> {
  const dir = stack.use(await tempDir());
  const certificates = await makeCertificates(dir.path);
  const containers = stack.use(await openContainers(context, dir.path));
  const proxmox = stack.use(await startProxmox({ root: dir.path, certificates, backend: containers }));
  await proxmox.cluster.add({ vmid: CT, type: 'lxc', node: 'pve1', name: 'notes' });
  const lab = stack.use(await startHomelab(config(proxmox.url, await fingerprintOf(certificates.certificate))));
  await chmod(await lab.write('token', TOKEN), 0o600);
  await lab.write('usb/.keep', '');
  await lab.write('notes/settings', 'one\n');
  await lab.write('node', NODE.replace('LXC', containers.path));
  await lab.write('update.sh', UPDATE.replaceAll('DIR', lab.dir));
  await lab.start(['up', '--port', '0']);
  return { containers, proxmox, lab };
}

function open(): Stage {
  if (stage === undefined) throw new Error('it is opened before each test');
  return stage;
}

const inside = (...words: string[]) => open().containers.inside(CT, ...words);

async function update(version: string): Promise<RunDetail> {
  await writeFile(join(open().lab.dir, 'newest'), version);
  return await run('update');
}

async function run(workflow: string, ...input: string[]): Promise<RunDetail> {
  return await open().lab.run(workflow, 'notes', input);
}

const nothingIsLeft = () => expectNoSnapshots(open().proxmox, open().containers, CT);

const UNDONE = ['restoreSnapshot', 'reseal', 'standby', 'restore', 'revert', 'validate'];
const undone = ({ steps }: RunDetail) => steps.filter(({ undo }) => undo).map(({ action }) => action);

test('an update that works stays, and the snapshot of before is gone', async () => {
  const run = await update('2');

  expect(run).toMatchObject({ status: 'succeeded' });
  expect(run.steps).toContainEqual(expect.objectContaining({ name: 'snapshot', status: 'succeeded' }));
  expect(await inside('sh', '-c', 'cd /mnt && cat program schema note')).toBe('2\n2\nprecious');
  await nothingIsLeft();
});

test('an update that spoils the container is undone by its snapshot, program and data', async () => {
  const run = await update('3-bad');

  expect(run).toMatchObject({ status: 'rolled_back' });
  expect(undone(run)).toEqual(UNDONE);
  expect(await inside('sh', '-c', 'cd /mnt && cat program schema note && ls')).toBe(
    '1\n1\nprecious\nnote\nprogram\nschema',
  );
  await nothingIsLeft();
});

test('a container that does not start any more after its update is there again', async () => {
  const run = await update('4-dead');

  expect(run).toMatchObject({ status: 'rolled_back' });
  expect(undone(run)).toEqual(UNDONE);
  expect(await inside('sh', '-c', 'cd /mnt && cat program schema note')).toBe('1\n1\nprecious');
  await nothingIsLeft();
});

const content = () => inside('sh', '-c', 'cd /mnt && cat program schema note');
const archives = () => open().proxmox.cluster.archives.map(({ volid }) => volid);
/** What the step says of itself. */
const said = ({ steps }: RunDetail, key: string) => steps.find(({ name }) => name === key)?.summary;

test('a backup of the service has the platform back the whole container up, and as many stay as are wanted', async () => {
  const runs = [await run('backup'), await run('backup'), await run('backup')];

  expect(runs.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  expect(archives()).toEqual(runs.slice(1).map((one) => said(one, 'backup-guest')));
  expect(await inside('echo', 'it runs')).toBe('it runs');
});

test('the container comes back as a whole from its newest backup, and what it was before is kept as one', async () => {
  await run('backup');
  await inside('sh', '-c', 'echo lost > /mnt/note; echo 9 > /mnt/program');

  const restored = await run('restore-guest');

  expect(restored).toMatchObject({ status: 'succeeded' });
  expect(await content()).toBe('1\n1\nprecious');
  const back = await run('restore-guest', `from=${said(restored, 'keep-present')}`);
  expect(back).toMatchObject({ status: 'succeeded' });
  expect(await content()).toBe('9\n1\nlost');
});

test('a backup in which the service does not work is not left in place: the container is again as it was', async () => {
  await inside('sh', '-c', 'touch /mnt/spoiled');
  await open().proxmox.cluster.dump(open().proxmox.cluster.guests[0] ?? expect.unreachable('it is there'), {
    storage: 'vault',
    notes: 'made by hand',
  });
  await inside('rm', '/mnt/spoiled');

  const restored = await run('restore-guest');

  expect(restored).toMatchObject({ status: 'rolled_back' });
  expect(await content()).toBe('1\n1\nprecious');
});

test('a container whose disk is gone comes back when nothing of it is to be kept, and only then', async () => {
  await run('backup');
  await open().containers.loseDisk(CT);

  const careful = await run('restore-guest');
  const restored = await run('restore-guest', 'keep=false');

  expect(careful).toMatchObject({ status: 'failed', reason: expect.stringContaining('keep 101 as it is') });
  expect(restored).toMatchObject({ status: 'succeeded' });
  expect(await content()).toBe('1\n1\nprecious');
});

test('a container that is gone altogether is made anew from its newest backup, under its id', async () => {
  await run('backup');
  const { containers, proxmox } = open();
  await containers.stop(CT);
  await containers.remove(CT);
  proxmox.cluster.guests.splice(0);

  const restored = await run('restore-guest', 'keep=false');

  expect(restored).toMatchObject({ status: 'succeeded' });
  expect(said(restored, 'look')).toContain('is gone, and is made anew');
  expect(await content()).toBe('1\n1\nprecious');
});

const Proof = z.object({ restorePoint: z.string(), destination: z.string() });
const guests = () => open().proxmox.cluster.guests.map(({ vmid }) => vmid);

test('a drill proves the newest backup of the container by a copy, of which nothing is left', async () => {
  await run('backup');

  const drilled = await run('drill');

  expect(drilled).toMatchObject({ status: 'succeeded' });
  expect(said(drilled, 'try-guest')).toContain('9101 was made on pve1 and started, without a network: it went on');
  expect(said(drilled, 'proven-guest')).toContain('restored and started from pve');
  expect(guests()).toEqual([CT]);
  expect(await open().containers.exists(9101)).toBe(false);
  const { services } = z
    .object({ services: z.array(z.object({ lastDrill: Proof, lastGuestDrill: Proof })) })
    .parse(JSON.parse((await open().lab.cli(['services', '--json'])).stdout));
  expect(services[0]?.lastDrill).toMatchObject({ destination: 'usb' });
  expect(services[0]?.lastGuestDrill).toEqual({ restorePoint: archives().at(-1), destination: 'pve' });
  expect((await open().lab.cli(['services', 'show', 'notes'])).stdout).toMatch(/its guest restored from pve in/);
});

test('a drill of a backup from which the container does not start fails, and nothing is left either', async () => {
  await run('backup');
  await inside('mv', '/sbin/init', '/mnt/init');
  const [guest] = open().proxmox.cluster.guests;
  await open().proxmox.cluster.dump(guest ?? expect.unreachable('it is there'), { storage: 'vault', notes: 'by hand' });
  await inside('mv', '/mnt/init', '/sbin/init');

  const drilled = await run('drill');

  expect(drilled).toMatchObject({ status: 'failed', reason: expect.stringContaining('start it as 9101') });
  expect(said(drilled, 'proven')).toBeDefined();
  expect(guests()).toEqual([CT]);
  expect(await open().containers.exists(9101)).toBe(false);
  expect(await content()).toBe('1\n1\nprecious');
});

test('a backup that is not there is told with those that there are', async () => {
  const failed = await run('restore-guest', 'from=vault:backup/none');

  expect(failed).toMatchObject({
    status: 'failed',
    next: expect.stringContaining('there are: vault:backup/vzdump-lxc-101'),
  });
});
