/** VMware ESXi and vCenter: virtual machines, by the API of vSphere, or by vim-cmd where a licence makes that read-only. */
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import { withApi } from './api.ts';
import { Config, type EsxiTools } from './config.ts';
import { findGuest, findMachine, listGuests } from './guests.ts';
import type { Platform } from './platform.ts';
import { bring } from './power.ts';
import { resources as resourcesByApi } from './resources.ts';
import { inspect as inspectByApi } from './rights.ts';
import { inspect as inspectByShell, resources as resourcesByShell, withShell } from './shell-platform.ts';
import { canSnapshot, deleteSnapshot, listSnapshots, makeSnapshot, restoreSnapshot } from './snapshots.ts';

export const plugin = hypervisor.define({
  id: 'esxi',
  title: 'VMware ESXi and vCenter',
  config: Config,
  actions: {
    inspect: async (tools) => await (isByShell(tools) ? inspectByShell(tools) : inspectByApi(tools)),
    resources: async (tools) => await (isByShell(tools) ? resourcesByShell(tools) : resourcesByApi(tools)),
    listGuests: async (tools) => ({ guests: await on(tools, listGuests) }),
    findGuest: async (tools, { guest }) => ({ guest: await on(tools, (platform) => findGuest(platform, guest)) }),
    canSnapshot: async (tools, { guest }) => await on(tools, (platform) => canSnapshot(platform, guest)),
    ensureState: async (tools, { guest, ...power }) =>
      await on(tools, async (platform) => bring(platform, await findMachine(platform, guest), power)),
    listSnapshots: async (tools, { guest }) => ({
      snapshots: await on(tools, (platform) => listSnapshots(platform, guest)),
    }),
    snapshot: async (tools, { guest, ...wish }) => await on(tools, (platform) => makeSnapshot(platform, guest, wish)),
    restoreSnapshot: async (tools, { guest, ...wish }) => ({
      summary: await on(tools, (platform) => restoreSnapshot(platform, guest, wish)),
    }),
    deleteSnapshot: async (tools, { guest, ...wish }) => ({
      removed: await on(tools, (platform) => deleteSnapshot(platform, guest, wish)),
    }),
  },
});

function isByShell({ config }: EsxiTools): boolean {
  return config.ssh !== undefined;
}

async function on<T>(tools: EsxiTools, work: (platform: Platform) => Promise<T>): Promise<T> {
  return await (isByShell(tools) ? withShell(tools, work) : withApi(tools, work));
}
