/** libvirt with QEMU: virtual machines, snapshotted inside of their qcow2 disks. */
import type { Storage } from '#sdk/kinds/hypervisor.ts';
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import { find, guestOf, listGuests, start, stateOf, stop } from '#sdk/libvirt/domain.ts';
import {
  canSnapshot,
  deleteSnapshot,
  listSnapshots,
  makeSnapshot,
  restoreSnapshot,
  versionOf,
} from '#sdk/libvirt/snapshots.ts';
import type { Virsh } from '#sdk/libvirt/virsh.ts';
import { Config } from './config.ts';
import { connect } from './connect.ts';

const POSSIBLE = ['list', 'power', 'snapshot', 'restore', 'resources'] as const;

export const plugin = hypervisor.define({
  id: 'libvirt',
  title: 'libvirt (QEMU)',
  config: Config,
  actions: {
    async inspect(tools) {
      const virsh = await connect(tools);
      const version = `libvirt ${await versionOf(virsh)}`;
      // Who may connect for writing may do all of it; what single guests do not allow is told for each.
      return { version, capabilities: POSSIBLE.map((name) => ({ name, possible: true, reason: '' })), warnings: [] };
    },

    async resources(tools) {
      const virsh = await connect(tools);
      const stats = await virsh.run(['nodememstats']);
      const memory = { totalBytes: kibibytes(stats, 'total'), freeBytes: kibibytes(stats, 'free') };
      return { storages: await pools(virsh), memory };
    },

    listGuests: async (tools) => ({ guests: await listGuests(await connect(tools)) }),

    async findGuest(tools, { guest }) {
      const virsh = await connect(tools);
      const domain = await find(virsh, guest);
      return { guest: guestOf(domain.name, await stateOf(virsh, domain)) };
    },

    canSnapshot: async (tools, { guest }) => canSnapshot(await connect(tools), guest),

    async ensureState(tools, { guest, state, graceMs, force }) {
      const virsh = await connect(tools);
      const domain = await find(virsh, guest);
      return state === 'running'
        ? { changed: await start(virsh, domain) }
        : await stop(virsh, domain, { graceMs, force });
    },

    listSnapshots: async (tools, { guest }) => ({ snapshots: await listSnapshots(await connect(tools), guest) }),
    snapshot: async (tools, name) => makeSnapshot(await connect(tools), name),
    restoreSnapshot: async (tools, { state, ...name }) => restoreSnapshot(await connect(tools), name, state),
    deleteSnapshot: async (tools, name) => deleteSnapshot(await connect(tools), name),
  },
});

function kibibytes(text: string, name: string): number | null {
  const found = new RegExp(`^${name}\\s*:\\s*(\\d+) KiB`, 'm').exec(text)?.[1];
  return found === undefined ? null : Number(found) * 1024;
}

async function pools(virsh: Virsh): Promise<Storage[]> {
  const names = (await virsh.run(['pool-list', '--name'])).split('\n').map((name) => name.trim());
  return await Promise.all(
    names.filter(Boolean).map(async (name): Promise<Storage> => {
      const info = await virsh.run(['pool-info', '--bytes', `--pool=${name}`]);
      const bytes = (what: string) => {
        const found = new RegExp(`^${what}:\\s*(\\d+)`, 'm').exec(info)?.[1];
        return found === undefined ? null : Number(found);
      };
      return { name, holds: ['disks', 'snapshots'], totalBytes: bytes('Capacity'), freeBytes: bytes('Available') };
    }),
  );
}
