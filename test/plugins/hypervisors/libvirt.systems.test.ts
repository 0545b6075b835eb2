/** Virtual machines as guests, on a real libvirt with real QEMU guests: what was on their disks comes back. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/hypervisors/libvirt/index.ts';
import { type GuestBed, keepsGuests, keepsSnapshots } from '#test/plugins/hypervisors/promises.ts';
import {
  canRunLibvirt,
  LIBVIRT_PATIENCE_MS,
  needsLibvirt,
  startLibvirt,
  type TestGuest,
  type TestLibvirt,
} from '#test/support/libvirt.ts';

let libvirt: TestLibvirt;
let harness: PluginHarness;

beforeAll(async () => {
  if (canRunLibvirt()) libvirt = await startLibvirt();
}, LIBVIRT_PATIENCE_MS);
afterAll(async () => {
  await libvirt?.[Symbol.asyncDispose]();
});
beforeEach(async (context) => {
  needsLibvirt(context);
  harness = await openPlugin(plugin);
});
afterEach(async () => {
  await harness?.[Symbol.asyncDispose]();
});

const act = (action: string, input: JsonObject = {}) => harness.run(action, {}, input);

async function openGuest(): Promise<GuestBed> {
  const { name, write, read } = await libvirt.guest();
  return {
    act,
    guest: name,
    write,
    read,
    foreignSnapshot: async (label) => void (await libvirt.virsh('snapshot-create-as', name, label)),
    [Symbol.asyncDispose]: () => libvirt.remove(name),
  };
}

keepsGuests(openGuest);
keepsSnapshots(openGuest);

describe('a machine', () => {
  const snapshotOf = ({ name }: TestGuest) => ({ guest: name, label: 'autopilot-b7k2', run: 'r1' });

  test('is found by its uuid too, and never by the number that it has while it runs', async () => {
    const { name } = await libvirt.guest();
    const uuid = await libvirt.virsh('domuuid', name);
    const number = await libvirt.virsh('domid', name);

    expect(await act('findGuest', { guest: uuid })).toMatchObject({ guest: { name } });
    await expect(act('findGuest', { guest: number })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
  });

  test('shuts down by itself when it is told to', async () => {
    const guest = await libvirt.guest();

    const done = await act('ensureState', { guest: guest.name, state: 'stopped', graceMs: 60_000 });

    expect(done).toEqual({ changed: true, forced: false });
    expect(await libvirt.virsh('domstate', guest.name)).toBe('shut off');
  });

  test('that does not listen is switched off when it may be, and else goes on', async () => {
    // Without ACPI nobody hears the power button.
    const deaf = await libvirt.guest({ start: false, edit: (xml) => xml.replace('<features><acpi/></features>', '') });
    await libvirt.virsh('start', deaf.name);
    const stop = (force: boolean) => act('ensureState', { guest: deaf.name, state: 'stopped', graceMs: 1_000, force });

    await expect(stop(false)).rejects.toMatchObject({ code: 'HA_CHECK_FAILED' });
    expect(await libvirt.virsh('domstate', deaf.name)).toBe('running');
    expect(await stop(true)).toEqual({ changed: true, forced: true });
    expect(await libvirt.virsh('domstate', deaf.name)).toBe('shut off');
  });

  test('is snapshotted with its memory while it runs, and with its disks alone while it is off', async () => {
    const guest = await libvirt.guest();
    const running = await act('canSnapshot', { guest: guest.name });
    await act('snapshot', snapshotOf(guest));
    await guest.write('after');
    await act('ensureState', { guest: guest.name, state: 'stopped' });

    const off = await act('canSnapshot', { guest: guest.name });
    await act('restoreSnapshot', { ...snapshotOf(guest), state: 'asBefore' });
    const state = await libvirt.virsh('domstate', guest.name);
    await act('ensureState', { guest: guest.name, state: 'running' });

    expect(running).toMatchObject({ possible: true, covers: ['disk', 'memory'], outage: false });
    expect(off).toMatchObject({ possible: true, covers: ['disk'] });
    expect(state).toBe('shut off');
    await expect.poll(() => guest.read().catch(() => ''), { timeout: 60_000 }).toBe('first');
  });

  test('with a disk that is raw is refused, with what to do, and nothing is left of the attempt', async () => {
    const guest = await libvirt.guest({ format: 'raw' });

    const { possible, summary } = await act('canSnapshot', { guest: guest.name });

    expect(possible).toBe(false);
    expect(summary).toContain('disk vda');
    expect(summary).toContain('qemu-img convert -O qcow2');
    await expect(act('snapshot', snapshotOf(guest))).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    expect(await libvirt.virsh('snapshot-list', guest.name, '--name')).toBe('');
  });

  test('with a disk that is left out of snapshots says so', async () => {
    const second = `<disk type='file' device='disk' snapshot='no'>
      <driver name='qemu' type='raw'/><source file='/dev/null'/><target dev='vdb' bus='virtio'/></disk>`;
    const guest = await libvirt.guest({ start: false, edit: (xml) => xml.replace('<serial', `${second}<serial`) });

    expect(await act('canSnapshot', { guest: guest.name })).toMatchObject({
      possible: true,
      leavesOut: ['disk vdb'],
      summary: 'disks; without disk vdb',
    });
  });

  test('with UEFI is refused by a libvirt that cannot do it, with the version that can', async () => {
    const loader = `<loader readonly='yes' type='pflash'>/usr/share/qemu/bios-256k.bin</loader><nvram>/tmp/none</nvram></os>`;
    const guest = await libvirt.guest({ start: false, edit: (xml) => xml.replace('</os>', loader) });

    const { possible, summary } = await act('canSnapshot', { guest: guest.name });

    expect(possible).toBe(false);
    expect(summary).toMatch(/UEFI.*(10\.10|qcow2)/);
  });

  test('whose snapshot somebody named like an option is listed as it is', async () => {
    const guest = await libvirt.guest();
    await libvirt.virsh('snapshot-create-as', guest.name, '--name=--atomic');

    expect(await act('listSnapshots', { guest: guest.name })).toMatchObject({
      snapshots: [{ label: '--atomic', run: null }],
    });
  });
});
