/** Proxmox VE, one node or a cluster, by its API with a token: virtual machines and containers. */
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import { openPve } from './api.ts';
import { backup, deleteBackup, findBackup, listBackups, NO_STORAGE, retainBackups } from './backups.ts';
import { Config } from './config.ts';
import { removeCopy } from './copies.ts';
import { findGuest, listGuests } from './guests.ts';
import { ensureState } from './power.ts';
import { resources } from './resources.ts';
import { canRestoreBackup, restoreBackup } from './restores.ts';
import { inspect } from './rights.ts';
import { canSnapshot, deleteSnapshot, listSnapshots, makeSnapshot, restoreSnapshot } from './snapshots.ts';
import { tryBackup } from './trials.ts';

export const plugin = hypervisor.define({
  id: 'proxmox',
  title: 'Proxmox VE',
  config: Config,
  lacks: { backup: ({ backup_storage: storage }) => (storage === undefined ? NO_STORAGE : undefined) },
  actions: {
    inspect: async (tools) => await inspect(await openPve(tools)),
    resources: async (tools) => await resources(await openPve(tools)),
    listGuests: async (tools) => ({ guests: await listGuests(await openPve(tools)) }),
    findGuest: async (tools, { guest }) => ({ guest: await findGuest(await openPve(tools), guest) }),
    canSnapshot: async (tools, { guest }) => await canSnapshot(await openPve(tools), guest),
    ensureState: async (tools, { guest, ...power }) => await ensureState(await openPve(tools), guest, power),
    listSnapshots: async (tools, { guest }) => ({ snapshots: await listSnapshots(await openPve(tools), guest) }),
    snapshot: async (tools, { guest, ...wish }) => await makeSnapshot(await openPve(tools), guest, wish),
    restoreSnapshot: async (tools, { guest, ...wish }) => ({
      summary: await restoreSnapshot(await openPve(tools), guest, wish),
    }),
    deleteSnapshot: async (tools, { guest, ...wish }) => ({
      removed: await deleteSnapshot(await openPve(tools), guest, wish),
    }),
    backup: async (tools, { guest, ...wish }) => await backup(await openPve(tools), guest, wish),
    listBackups: async (tools, { guest }) => ({ backups: await listBackups(await openPve(tools), guest) }),
    findBackup: async (tools, { guest, backup: name }) => await findBackup(await openPve(tools), guest, name),
    retainBackups: async (tools, { guest, keep }) => await retainBackups(await openPve(tools), guest, keep),
    canRestoreBackup: async (tools, { guest, backup: name }) =>
      await canRestoreBackup(await openPve(tools), guest, name),
    restoreBackup: async (tools, { guest, ...wish }) => ({
      summary: await restoreBackup(await openPve(tools), guest, wish),
    }),
    tryBackup: async (tools, wish) => await tryBackup(await openPve(tools), wish),
    endTry: async (tools, copy) => ({ removed: await removeCopy(await openPve(tools), copy) }),
    deleteBackup: async (tools, { backup: volume, run }) => ({
      removed: await deleteBackup(await openPve(tools), volume, run),
    }),
  },
});
