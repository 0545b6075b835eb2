/** Unraid, by its GraphQL API with a key: containers and virtual machines; their snapshots through SSH. */
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import { openUnraid } from './api.ts';
import { Config } from './config.ts';
import { findGuest, listGuests } from './guests.ts';
import { inspect } from './inspect.ts';
import { ensureState } from './power.ts';
import { resources } from './resources.ts';
import { canSnapshot, deleteSnapshot, listSnapshots, makeSnapshot, restoreSnapshot } from './snapshots.ts';

export const plugin = hypervisor.define({
  id: 'unraid',
  title: 'Unraid',
  config: Config,
  actions: {
    inspect: async (tools) => await inspect(await openUnraid(tools)),
    resources: async (tools) => await resources(await openUnraid(tools)),
    listGuests: async (tools) => ({ guests: await listGuests(await openUnraid(tools)) }),
    findGuest: async (tools, { guest }) => ({ guest: await findGuest(await openUnraid(tools), guest) }),
    canSnapshot: async (tools, { guest }) => await canSnapshot(await openUnraid(tools), guest),
    ensureState: async (tools, { guest, ...power }) => await ensureState(await openUnraid(tools), guest, power),
    listSnapshots: async (tools, { guest }) => ({ snapshots: await listSnapshots(await openUnraid(tools), guest) }),
    snapshot: async (tools, name) => await makeSnapshot(await openUnraid(tools), name),
    restoreSnapshot: async (tools, { state, ...name }) => await restoreSnapshot(await openUnraid(tools), name, state),
    deleteSnapshot: async (tools, name) => await deleteSnapshot(await openUnraid(tools), name),
  },
});
