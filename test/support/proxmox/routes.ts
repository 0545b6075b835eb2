/** What the fake Proxmox VE does for each method, with the rights that the method asks for. */
import { type Act, type Asked, begin, demand, guestOf, kindOf, Refused, rightsOn } from './calls.ts';
import type { FakeTask } from './cluster.ts';
import { methods } from './methods.ts';
import type { FakeProxmox } from './server.ts';
import { STORAGES, wholeGuests } from './whole-guests.ts';

export async function answer(fake: FakeProxmox, asked: Asked) {
  for (const [name, { params }] of Object.entries(methods)) {
    const [method, template = ''] = name.split(' ');
    const at = method === asked.method ? variablesOf(template, asked.path) : undefined;
    if (at === undefined || (at['type'] !== undefined && !['lxc', 'qemu'].includes(at['type']))) continue;
    const checked = params.safeParse(asked.params);
    const closed = at['type'] === 'lxc' && asked.params['vmstate'] !== undefined;
    if (!checked.success || closed) {
      const errors = Object.fromEntries(
        (checked.error?.issues ?? []).map((one) => [one.path.join('.') || 'vmstate', one.message]),
      );
      throw new Refused(400, 'Parameter verification failed.', errors);
    }
    const act = acts[name];
    if (act === undefined) break;
    const data = await act({ ...asked, fake, at });
    const { type, ...variables } = at;
    return { template: name.replace('{type}', type ?? ''), variables, data };
  }
  throw new Refused(501, `Method '${asked.asked}' not implemented`);
}

function variablesOf(template: string, path: string): Record<string, string> | undefined {
  const names: string[] = [];
  const pattern = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return '([^/]+)';
  });
  const found = new RegExp(`^${pattern}$`).exec(path);
  if (found === null) return undefined;
  return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]));
}

const GUEST = '/nodes/{node}/{type}/{vmid}';

const acts: Record<string, Act> = {
  ...wholeGuests,
  'GET /version': () => ({ version: '9.1.3', release: '9.1', repoid: '0123456789abcdef' }),
  'GET /access/permissions': ({ fake, params }) => {
    const path = params['path'] ?? '/';
    return { [path]: Object.fromEntries(rightsOn(fake, path).map((right) => [right, 1])) };
  },
  'GET /cluster/resources': async ({ fake, params }) => {
    const all = [...(await resourcesOf(fake)), ...placesOf(fake)];
    const wanted = (type: string) =>
      params['type'] === undefined ||
      (params['type'] === 'vm' ? ['lxc', 'qemu'].includes(type) : params['type'] === type);
    return all.filter(({ type }) => wanted(type));
  },
  [`GET ${GUEST}/status/current`]: async (call) => {
    const guest = guestOf(call, 'VM.Audit');
    const { vmid, name, lock, type } = guest;
    const status = await call.fake.cluster.statusOf(guest);
    const more = { ...(lock === undefined ? {} : { lock }), ...(type === 'qemu' ? { qmpstatus: status } : {}) };
    return { vmid, name, status, ha: { managed: 0 }, ...more };
  },
  [`GET ${GUEST}/feature`]: (call) => ({ hasFeature: guestOf(call, 'VM.Audit').hasFeature ? 1 : 0 }),
  [`POST ${GUEST}/status/start`]: async (call) => {
    const guest = guestOf(call, 'VM.PowerMgmt');
    const { cluster } = call.fake;
    if ((await cluster.statusOf(guest)) === 'running') throw new Refused(500, `CT ${guest.vmid} already running`);
    return begin(call, { guest, type: kindOf(guest, 'vzstart', 'qmstart') }, () => cluster.boot(guest));
  },
  [`POST ${GUEST}/status/stop`]: async (call) => {
    const guest = guestOf(call, 'VM.PowerMgmt');
    const { cluster } = call.fake;
    if ((await cluster.statusOf(guest)) === 'stopped') throw new Refused(500, `CT ${guest.vmid} not running`);
    return begin(call, { guest, type: kindOf(guest, 'vzstop', 'qmstop') }, () => cluster.backend.stop(guest.vmid));
  },
  [`POST ${GUEST}/status/shutdown`]: (call) => {
    const guest = guestOf(call, 'VM.PowerMgmt');
    return begin(call, { guest, type: kindOf(guest, 'vzshutdown', 'qmshutdown') }, async () => {
      if (guest.stubborn === true) throw new Error('VM quit/powerdown failed - got timeout');
      await call.fake.cluster.backend.shutdown(guest.vmid, Number(call.params['timeout'] ?? 60));
    });
  },
  [`GET ${GUEST}/snapshot`]: (call) => [
    ...guestOf(call, 'VM.Audit').snapshots,
    { name: 'current', description: 'You are here!', running: 1 },
  ],
  [`POST ${GUEST}/snapshot`]: (call) => {
    const guest = guestOf(call, 'VM.Snapshot');
    const { snapname: name = '', description = '', vmstate } = call.params;
    const one = { name, description, ...(vmstate === '1' ? { vmstate: 1 as const } : {}) };
    return begin(call, { guest, type: kindOf(guest, 'vzsnapshot', 'qmsnapshot') }, () =>
      call.fake.cluster.snapshot(guest, one),
    );
  },
  [`DELETE ${GUEST}/snapshot/{snapname}`]: (call) => {
    const guest = guestOf(call, 'VM.Snapshot');
    const one = { name: call.at['snapname'] ?? '', force: call.params['force'] === '1' };
    return begin(call, { guest, type: kindOf(guest, 'vzdelsnapshot', 'qmdelsnapshot') }, () =>
      call.fake.cluster.deleteSnapshot(guest, one),
    );
  },
  [`POST ${GUEST}/snapshot/{snapname}/rollback`]: (call) => {
    const guest = guestOf(call, 'VM.Snapshot', 'VM.Snapshot.Rollback');
    const { snapname = '' } = call.at;
    const start = call.params['start'] === '1';
    return begin(call, { guest, type: kindOf(guest, 'vzrollback', 'qmrollback') }, () =>
      call.fake.cluster.rollback(guest, snapname, start),
    );
  },
  'GET /nodes/{node}/tasks': ({ fake, at, params }) =>
    [...fake.cluster.tasks.values()]
      .filter(({ node, id }) => node === at['node'] && (params['vmid'] === undefined || id === params['vmid']))
      .filter(({ exitstatus }) => params['source'] !== 'active' || exitstatus === undefined)
      .map(told),
  'GET /nodes/{node}/tasks/{upid}/status': ({ fake, at }) => {
    const task = taskOf(fake, at);
    return { ...task, status: task.exitstatus === undefined ? 'running' : 'stopped' };
  },
  'GET /nodes/{node}/tasks/{upid}/log': ({ fake, at }) => taskOf(fake, at).log.map((t, index) => ({ n: index + 1, t })),
  'POST /nodes/{node}/vzdump': (call) => {
    const { fake, params, at, asked } = call;
    const guest = fake.cluster.guests.find(({ vmid }) => String(vmid) === params['vmid']);
    if (fake.cluster.fault(asked, 'moved before the act') !== undefined && guest !== undefined) guest.node = 'pve2';
    if (fake.cluster.fault(asked, 'OK without a task') !== undefined || guest?.node !== at['node']) return 'OK';
    demand(fake, `/vms/${guest?.vmid}`, 'VM.Backup');
    const { storage = '', 'notes-template': notes = '' } = params;
    demand(fake, `/storage/${storage}`, 'Datastore.AllocateSpace');
    if (guest === undefined) return 'OK';
    return begin(call, { guest, type: 'vzdump' }, () => fake.cluster.dump(guest, { storage, notes }));
  },
  'GET /nodes/{node}/storage/{storage}/content': ({ fake, at, params }) => {
    demand(fake, `/storage/${at['storage']}`, 'Datastore.Audit', 'Datastore.AllocateSpace');
    const here = fake.cluster.archives.filter(({ volid }) => volid.startsWith(`${at['storage']}:`));
    return here.filter(({ vmid }) => params['vmid'] === undefined || params['vmid'] === String(vmid));
  },
  'DELETE /nodes/{node}/storage/{storage}/content/{volume}': async ({ fake, at }) => {
    await fake.cluster.deleteArchive(at['volume'] ?? '');
    return null;
  },
};

/** As the list of tasks has it: a task that runs has no status there. */
function told({ exitstatus, ...task }: FakeTask) {
  return exitstatus === undefined ? task : { ...task, status: exitstatus };
}

function taskOf({ cluster }: FakeProxmox, { upid = '' }: Record<string, string>) {
  const task = cluster.tasks.get(upid);
  if (task === undefined) throw new Refused(500, 'no such task');
  return task;
}

async function resourcesOf(fake: FakeProxmox) {
  const seen = fake.cluster.guests.filter(({ vmid }) => rightsOn(fake, `/vms/${vmid}`).includes('VM.Audit'));
  return await Promise.all(
    seen.map(async (guest) => {
      const { vmid, type, node, name, lock } = guest;
      const status = await fake.cluster.statusOf(guest);
      const more = lock === undefined ? {} : { lock };
      return { id: `${type}/${vmid}`, type, vmid, node, name, status, template: 0, ...more };
    }),
  );
}

function placesOf(fake: FakeProxmox) {
  const nodes = ['pve1', 'pve2'];
  const storages = nodes.flatMap((node) =>
    Object.entries(STORAGES).map(([storage, { content, shared }]) => ({
      id: `storage/${node}/${storage}`,
      type: 'storage',
      storage,
      node,
      shared,
      content,
      status: 'available',
      maxdisk: 1 << 30,
      disk: (1 << 30) - fake.cluster.freeBytes,
    })),
  );
  const seen = storages.filter(({ storage }) => rightsOn(fake, `/storage/${storage}`).includes('Datastore.Audit'));
  return [
    ...nodes.map((node) => ({
      id: `node/${node}`,
      type: 'node',
      node,
      status: 'online',
      maxmem: 1 << 30,
      mem: 1 << 20,
    })),
    ...seen,
  ];
}
