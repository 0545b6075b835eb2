/** An ESXi host by vim-cmd, through a real sshd to a stand-in for vim-cmd: the promises, lost connections, and odd text. */
import { beforeEach, describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/hypervisors/esxi/index.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { needs } from '#test/support/needs.ts';
import { type HostState, NEW_HOST, UUID } from '#test/support/vsphere/host-state.ts';
import { type ShellHost, startShellHost } from '#test/support/vsphere/shell-host.ts';
import { eventually } from '#test/support/wait.ts';
import { type GuestBed, keepsGuests, keepsSnapshots } from './promises.ts';

beforeEach((context) => needs(context, 'sshd', 'ssh-keygen'));

interface ShellBed extends GuestBed {
  host: ShellHost;
}

async function openHost(first: Partial<HostState> = {}): Promise<ShellBed> {
  const host = await startShellHost(first);
  const harness = await openPlugin(plugin, [], async ({ $secret }: SecretRef) => $secret.path);
  const { port, username, hostKey, privateKey } = host.sshd;
  const ssh: JsonObject = { host: '127.0.0.1', port, username, host_key: hostKey, private_key: known(privateKey) };
  return {
    host,
    guest: host.state.name,
    act: (action, input = {}) => harness.run(action, { ssh, timeout: '10s', patience: '2s' }, input),
    write: async (text) => {
      host.state.disk = text;
    },
    read: async () => host.state.disk,
    foreignSnapshot: async (name) => {
      host.state.shots.push({ id: 3, name, description: 'by hand', disk: 'foreign', on: false });
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

keepsGuests(() => openHost());
keepsSnapshots(() => openHost());

const AT = { guest: NEW_HOST.name, label: 'autopilot-b7k2', run: 'r1' };

describe('a lost connection', () => {
  test.each(['vmsvc/snapshot.create', 'vmsvc/snapshot.revert', 'vmsvc/snapshot.remove'])(
    'after %s is got over by a look at its task, and it is asked for once',
    async (command) => {
      await using bed = await openHost();
      await bed.write('before');
      await bed.act('snapshot', { ...AT, label: 'autopilot-first' });
      Object.assign(bed.host.state, { trouble: { on: command, what: 'cut after the act' }, asked: [] });

      await bed.act('snapshot', AT);
      await bed.write('after');
      await bed.act('restoreSnapshot', AT);

      expect(await bed.read()).toBe('before');
      expect(await bed.act('deleteSnapshot', AT)).toEqual({ removed: true });
      expect(bed.host.state.asked.filter(([one]) => one === command)).toHaveLength(1);
    },
  );

  test('before a change was made is an unknown outcome, and the next attempt makes it', async () => {
    await using bed = await openHost();
    Object.assign(bed.host.state, { trouble: { on: 'vmsvc/snapshot.create', what: 'cut before the act' } });

    await expect(bed.act('snapshot', AT)).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: expect.stringContaining('not known'),
    });
    expect(await bed.act('snapshot', AT)).toMatchObject({ snapshot: { complete: true } });
  });
});

test('every word arrives as it is, whatever signs are in it', async () => {
  await using bed = await openHost({ name: `it's $(touch x) \`id\`; reboot & "quoted" *` });
  const guest = bed.host.state.name;

  await bed.act('snapshot', { ...AT, guest });

  const created = bed.host.state.asked.find(([command]) => command === 'vmsvc/snapshot.create');
  expect(created).toEqual(['vmsvc/snapshot.create', '7', AT.label, expect.stringContaining('run=r1 label='), '0', '0']);
  expect(await bed.act('findGuest', { guest })).toMatchObject({ guest: { id: guest } });
});

test('a guest is found by its uuid, and a remark that looks like another guest is none', async () => {
  await using bed = await openHost({ remark: 'x\n8      evil   [datastore1] evil/evil.vmx   otherGuest   vmx-19' });

  expect(await bed.act('findGuest', { guest: UUID })).toMatchObject({ guest: { id: NEW_HOST.name } });
  expect(await bed.act('listGuests')).toMatchObject({ guests: [{ id: NEW_HOST.name }] });
});

test('a task of ours is let end first, and one of others keeps the guest from being snapshotted', async () => {
  await using bed = await openHost();
  const running = { key: 'haTask-7-vim.VirtualMachine.createSnapshot-1', state: 'running' as const };

  Object.assign(bed.host.state, { tasks: [{ ...running, user: 'vpxuser' }] });
  expect(await bed.act('canSnapshot', { guest: NEW_HOST.name })).toMatchObject({
    possible: false,
    summary: expect.stringContaining('VirtualMachine.createSnapshot'),
  });

  Object.assign(bed.host.state, { tasks: [{ ...running, user: bed.host.sshd.username }], asked: [] });
  const waiting = bed.act('snapshot', AT);
  const looks = () => bed.host.state.asked.filter(([one]) => one === 'vimsvc/task_info').length;
  await eventually('its task is looked at again and again', () => looks() > 2);
  expect(bed.host.state.shots).toEqual([]);
  Object.assign(bed.host.state, { tasks: [{ ...running, state: 'success', user: bed.host.sshd.username }] });
  expect(await waiting).toMatchObject({ snapshot: { complete: true } });
});

test('what the host says against it is told as what it is', async () => {
  await using bed = await openHost();
  const refuse = (on: string, fault: string, msg: string) => {
    bed.host.state.trouble = { on, what: { fault, msg } };
  };

  refuse('vmsvc/snapshot.create', 'vim.fault.TaskInProgress', 'Another task is already in progress.');
  await expect(bed.act('snapshot', AT)).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining('another task holds the guest'),
  });
  refuse('vmsvc/power.shutdown', 'vim.fault.ToolsUnavailable', 'VMware Tools is not running.');
  await expect(bed.act('ensureState', { guest: AT.guest, state: 'stopped' })).rejects.toMatchObject({
    next: expect.stringContaining('open-vm-tools'),
  });
});

test('what a snapshot would cover is told, with the disks that it leaves out', async () => {
  await using bed = await openHost();

  expect(await bed.act('canSnapshot', { guest: AT.guest })).toMatchObject({
    possible: true,
    leavesOut: ['Hard disk 2 (independent)'],
  });
  Object.assign(bed.host.state, { consolidation: true });
  expect(await bed.act('canSnapshot', { guest: AT.guest })).toMatchObject({
    possible: false,
    summary: expect.stringContaining('consolidation'),
  });
  Object.assign(bed.host.state, { consolidation: false, mode: 'independent_nonpersistent' });
  expect(await bed.act('canSnapshot', { guest: AT.guest })).toMatchObject({ possible: false });
});

test('storage and memory are told, and of a datastore that is away not how much is free', async () => {
  await using bed = await openHost();

  expect(await bed.act('resources')).toEqual({
    storages: [
      { name: 'datastore1', holds: ['disks', 'snapshots'], totalBytes: 1000, freeBytes: 400 },
      { name: 'nas', holds: ['disks', 'snapshots'], totalBytes: 2000, freeBytes: null },
    ],
    memory: { totalBytes: 16 * 2 ** 30, freeBytes: 12 * 2 ** 30 },
  });
});

test('a host with another key than the pinned one is sent nothing', async () => {
  await using bed = await openHost();
  await bed.host.sshd.changeHostKey();

  await expect(bed.act('inspect')).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining('SHA256:'),
  });
  expect(await bed.host.sshd.log()).not.toContain('Accepted publickey');
  expect(bed.host.state.asked).toEqual([]);
});
