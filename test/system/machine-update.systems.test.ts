/** Updates inside a virtual machine of Unraid and of vSphere, both stand-ins: what the update did comes back with its snapshot. */
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { fingerprintOf } from '#test/plugins/hypervisors/proxmox-bed.ts';
import { sayToGuest } from '#test/support/boot-guest.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import {
  canRunLibvirt,
  LIBVIRT_PATIENCE_MS,
  needsLibvirt,
  startLibvirt,
  type TestGuest,
  type TestLibvirt,
} from '#test/support/libvirt.ts';
import { needs } from '#test/support/needs.ts';
import { startSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';
import { KEY, startUnraid } from '#test/support/unraid/server.ts';
import { realWorld } from '#test/support/unraid/worlds.ts';
import { startVsphereProxy, type VsphereProxy } from '#test/support/vsphere/proxy.ts';
import { canSimulate, needsSimulator, PASSWORD, startSimulator, USER } from '#test/support/vsphere/simulator.ts';

/** Unraid's machine is a real one of libvirt. That of govmomi's simulator has no disk but a text that follows its snapshots. */
const SIMULATED = 'ha-host_VM0';

/** Says a line to a machine, and prints what it says. */
const SAY = `import { connect } from 'node:net';
const line = connect(process.argv[2]);
let said = '';
line.write(process.argv[3] + '\\n');
line.on('data', (piece) => {
  process.stdout.write(piece);
  said += piece;
  if (said.includes('\\n')) line.destroy();
});
`;

/** The one sector of a machine holds the version of its program and its data. */
const MACHINE = `set -eu
say() { NODE DIR/say.mjs "$1" "$2"; }
case $2 in
version) said=$(say "$1" '?'); echo "\${said%% *}" ;;
whole) said=$(say "$1" '?'); test "\${said#* }" = precious ;;
update) case $HOMELAB_AUTOPILOT_VERSION in
  *-bad) say "$1" "$HOMELAB_AUTOPILOT_VERSION spoiled" ;;
  *-off) say "$1" "$HOMELAB_AUTOPILOT_VERSION precious"; virsh --connect qemu:///system destroy "$3" ;;
  *) say "$1" "$HOMELAB_AUTOPILOT_VERSION precious" ;;
  esac ;;
esac
`;

interface Place {
  name: string;
  /** In YAML. */
  hypervisor: string;
  guest: string;
  /** Where the machine listens. */
  line: string;
}

const serviceOf = ({ name, guest, line }: Place) => `
  - name: ${name}
    type: generic
    guest: { hypervisor: ${name}, id: ${guest} }
    validate: [{ type: command, command: [sh, DIR/machine, ${line}, whole] }]
    backup: { paths: [DIR/notes], destinations: [usb], quiesce: { stop: [['true']], start: [['true']] } }
    update:
      check: [cat, DIR/newest]
      command: [sh, DIR/machine, ${line}, update, ${guest}]
      version: [sh, DIR/machine, ${line}, version]`;

const configOf = (places: readonly Place[]) => `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
hypervisors:${places.map(({ name, hypervisor }) => `\n  ${name}: ${hypervisor}`).join('')}
updates: { gate: { timeout: 3s, stable_for: 200ms } }
services:${places.map(serviceOf).join('')}
`;

interface Stage {
  libvirt: TestLibvirt;
  machine: TestGuest;
  vsphere: VsphereProxy;
  simulatedLine: string;
  lab: TestHomelab;
}

const stack = new AsyncDisposableStack();
let stage: Stage;

beforeAll(async () => {
  if (canRunLibvirt() && canSimulate()) stage = await openStage();
}, LIBVIRT_PATIENCE_MS);
afterAll(() => stack.disposeAsync());
beforeEach(async (context) => {
  needsLibvirt(context);
  needsSimulator(context);
  needs(context, 'sshd', 'ssh-keygen', 'ssh');
  await stage.machine.write('1 precious');
  await sayToGuest(stage.simulatedLine, '1 precious');
});

async function openStage(): Promise<Stage> {
  const dir = stack.use(await tempDir());
  const certificates = await makeCertificates(dir.path);
  const fingerprint = await fingerprintOf(certificates.certificate);
  const libvirt = stack.use(await startLibvirt());
  const machine = await libvirt.guest();
  const unraid = stack.use(await startUnraid(realWorld({ libvirt }), certificates));
  const { port, username, hostKey } = stack.use(await keptKey(join(dir.path, 'ssh-key')));
  const ssh = `{ host: 127.0.0.1, port: ${port}, username: ${username}, host_key: "${hostKey}", private_key_file: ${dir.path}/ssh-key }`;
  const simulator = stack.use(await startSimulator('host'));
  const vsphere = stack.use(await startVsphereProxy(simulator.host, certificates));
  const simulatedLine = stack.use(await listen(join(dir.path, 'line'), vsphere)).path;
  const places: Place[] = [
    {
      name: 'tower',
      hypervisor: `{ type: unraid, url: "${unraid.url}", fingerprint: "${fingerprint}", api_key_file: DIR/key, ssh: ${ssh} }`,
      guest: machine.name,
      line: machine.serial,
    },
    {
      name: 'esx',
      hypervisor: `{ type: esxi, url: "${vsphere.url}", fingerprint: "${fingerprint}", username: ${USER}, password_file: DIR/password }`,
      guest: SIMULATED,
      line: simulatedLine,
    },
  ];
  const lab = stack.use(await startHomelab(configOf(places)));
  for (const [name, secret] of Object.entries({ key: KEY, password: PASSWORD })) {
    await chmod(await lab.write(name, secret), 0o600);
  }
  await lab.write('usb/.keep', '');
  await lab.write('notes/settings', 'one\n');
  await lab.write('say.mjs', SAY);
  await lab.write('machine', MACHINE.replaceAll('DIR', lab.dir).replaceAll('NODE', process.execPath));
  await lab.start(['up', '--port', '0']);
  return { libvirt, machine, vsphere, simulatedLine, lab };
}

/** An SSH server whose key to log in with lies in a file. */
async function keptKey(file: string) {
  const sshd = await startSshd();
  await writeFile(file, sshd.privateKey, { mode: 0o600 });
  return sshd;
}

/** Gives the simulated machine, which cannot run anything, the line of a real one: to a disk that follows its snapshots. */
async function listen(path: string, vsphere: VsphereProxy): Promise<{ path: string } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (said) => {
      if (said !== '?') vsphere.disk = said;
      socket.write(`${vsphere.disk}\n`);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

async function update(service: string, version: string): Promise<RunDetail> {
  await writeFile(join(stage.lab.dir, 'newest'), version);
  return await stage.lab.run('update', service);
}

const UNDONE = ['restoreSnapshot', 'reseal', 'standby', 'restore', 'revert', 'validate'];
const undone = ({ steps }: RunDetail) => steps.filter(({ undo }) => undo).map(({ action }) => action);
const TASKS = ['CreateSnapshot_Task', 'RevertToSnapshot_Task', 'RemoveSnapshot_Task'];

describe('a machine of Unraid', () => {
  const snapshots = () => stage.libvirt.virsh('snapshot-list', stage.machine.name, '--name');

  test('keeps an update that works, and the snapshot of before is gone', async () => {
    const run = await update('tower', '2');

    expect(run).toMatchObject({ status: 'succeeded' });
    expect(run.steps).toContainEqual(expect.objectContaining({ name: 'snapshot', status: 'succeeded' }));
    expect(await stage.machine.read()).toBe('2 precious');
    expect(await snapshots()).toBe('');
  });

  test('that an update spoils comes back with its disk, program and data', async () => {
    const run = await update('tower', '3-bad');

    expect(run).toMatchObject({ status: 'rolled_back' });
    expect(undone(run)).toEqual(UNDONE);
    expect(await stage.machine.read()).toBe('1 precious');
    expect(await snapshots()).toBe('');
  });

  test('that is off after its update runs again, as it was before', async () => {
    const run = await update('tower', '4-off');

    expect(run).toMatchObject({ status: 'rolled_back' });
    expect(await stage.libvirt.virsh('domstate', stage.machine.name)).toBe('running');
    expect(await stage.machine.read()).toBe('1 precious');
    expect(await snapshots()).toBe('');
  });
});

describe('a machine of ESXi', () => {
  beforeEach(() => {
    stage.vsphere.asked.length = 0;
  });
  const tasks = () => stage.vsphere.asked.filter((method) => TASKS.includes(method));

  test('keeps an update that works, and its snapshot is asked for once and removed', async () => {
    const run = await update('esx', '2');

    expect(run).toMatchObject({ status: 'succeeded' });
    expect(tasks()).toEqual(['CreateSnapshot_Task', 'RemoveSnapshot_Task']);
    expect(stage.vsphere.disk).toBe('2 precious');
  });

  test('that an update spoils is taken back to its snapshot, once, and then that is removed', async () => {
    const run = await update('esx', '3-bad');

    expect(run).toMatchObject({ status: 'rolled_back' });
    expect(undone(run)).toEqual(UNDONE);
    expect(tasks()).toEqual(TASKS);
    expect(stage.vsphere.disk).toBe('1 precious');
  });

  test('whose answers are lost on the way there and back is updated and taken back all the same', async () => {
    stage.vsphere.troubles.push(...TASKS.map((on) => ({ on, what: 'reply lost after the act' as const })));

    const run = await update('esx', '4-bad');

    expect(run).toMatchObject({ status: 'rolled_back' });
    expect(tasks()).toEqual(TASKS);
    expect(stage.vsphere.disk).toBe('1 precious');
  });
});
