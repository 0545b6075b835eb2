/** Updates inside a container of Proxmox VE, a stand-in over real LXC: what the update did comes back with the snapshot. */
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, type TestContext, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { fingerprintOf } from '#test/plugins/hypervisors/proxmox-bed.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { type Containers, needsLxc, openContainers } from '#test/support/lxc.ts';
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
hypervisors: { pve: { type: proxmox, url: "${url}", fingerprint: "${fingerprint}", token_file: DIR/token } }
updates: { gate: { timeout: 3s, stable_for: 200ms } }
services:
  - name: notes
    type: generic
    guest: { hypervisor: pve, id: ${CT} }
    validate: [{ type: command, command: [sh, DIR/node, sh, -c, "test ! -e /mnt/spoiled && cat /mnt/note"] }]
    backup:
      paths: [DIR/notes]
      destinations: [usb]
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
  const { lab } = open();
  await writeFile(join(lab.dir, 'newest'), version);
  const { stdout, stderr } = await lab.cli(['enqueue', 'update', 'notes', '--wait', '--json']);
  const [detail] = (JSON.parse(stdout || '{"runs":[]}') as { runs: RunDetail[] }).runs;
  if (detail === undefined) throw new Error(stderr);
  return detail;
}

/** Neither in what the platform lists, nor on its disks; and all that was asked of it was as its description has it. */
async function nothingIsLeft() {
  const { containers, proxmox } = open();
  const { guests } = proxmox.cluster;
  expect(guests.flatMap(({ snapshots }) => snapshots)).toEqual([]);
  expect((await readdir(join(containers.path, `${CT}`))).filter((name) => name.startsWith('snap'))).toEqual([]);
  expect(proxmox.problems).toEqual([]);
}

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
