/** Whole guests of the fake Proxmox VE: their configuration, how they are made from an archive, and how they go. */
import { type Act, begin, type Call, demand, guestOf, kindOf, Refused, rightsOn } from './calls.ts';
import type { FakeGuest, Packed } from './cluster.ts';

/** As a node is set up by its installer: nothing but `local-lvm` takes disks. */
export const STORAGES: Readonly<Record<string, { content: string; shared: 0 | 1 }>> = {
  local: { content: 'iso,vztmpl', shared: 0 },
  'local-lvm': { content: 'images,rootdir', shared: 0 },
  tank: { content: 'images,rootdir', shared: 0 },
  vault: { content: 'backup,iso', shared: 1 },
};

/** Settings that may be given with an archive. */
const OPTIONS = new Set(['description', 'onboot', 'protection', 'hostname', 'name']);

const GUEST = '/nodes/{node}/{type}/{vmid}';

export const wholeGuests: Record<string, Act> = {
  [`GET ${GUEST}/config`]: (call) => ({ ...guestOf(call, 'VM.Audit').config, digest: '0'.repeat(40) }),

  [`PUT ${GUEST}/config`]: (call) => {
    const guest = guestOf(call, 'VM.Config.Network', 'VM.Config.Options');
    requireUnlocked(guest);
    for (const key of (call.params['delete'] ?? '').split(',')) {
      demand(call.fake, `/vms/${guest.vmid}`, key.startsWith('net') ? 'VM.Config.Network' : 'VM.Config.Options');
      delete guest.config[key];
    }
    return null;
  },

  'POST /nodes/{node}/lxc': (call) => restore(call, 'lxc'),
  'POST /nodes/{node}/qemu': (call) => restore(call, 'qemu'),

  [`DELETE ${GUEST}`]: async (call) => {
    const guest = guestOf(call, 'VM.Allocate');
    const { cluster, rights } = call.fake;
    const what = kindOf(guest, 'CT', 'VM');
    if (guest.config['protection'] === '1')
      throw new Refused(500, `can't remove ${what} ${guest.vmid} - protection mode enabled`);
    requireUnlocked(guest);
    if ((await cluster.statusOf(guest)) === 'running')
      throw new Refused(500, `unable to destroy ${what} ${guest.vmid} - it is running`);
    return begin(call, { guest, type: kindOf(guest, 'vzdestroy', 'qmdestroy') }, async () => {
      await cluster.backend.remove(guest.vmid);
      cluster.guests.splice(cluster.guests.indexOf(guest), 1);
      // What was granted on the guest itself goes with it; what was granted on its pool stays.
      rights.delete(`/vms/${guest.vmid}`);
    });
  },

  [`POST ${GUEST}/agent/ping`]: async (call) => {
    const guest = guestOf(call, 'VM.GuestAgent.Audit');
    const running = (await call.fake.cluster.statusOf(guest)) === 'running';
    if (guest.agent !== true || !running) throw new Refused(500, 'QEMU guest agent is not running');
    return { result: {} };
  },

  'GET /nodes/{node}/vzdump/extractconfig': ({ fake, params }) => {
    const { config } = packedIn(fake.cluster.packed, params['volume'] ?? '');
    return ['#made by a test', ...Object.entries(config).map(([key, value]) => `${key}: ${value}`), ''].join('\n');
  },

  'GET /cluster/nextid': ({ fake, params }) => {
    const taken = fake.cluster.guests.some(({ vmid }) => String(vmid) === params['vmid']);
    if (taken) {
      throw new Refused(400, 'Parameter verification failed.', { vmid: `VM ${params['vmid']} already exists` });
    }
    return Number(params['vmid'] ?? 100);
  },
};

function requireUnlocked({ type, lock }: FakeGuest): void {
  if (lock !== undefined) throw new Refused(500, `${type === 'lxc' ? 'CT' : 'VM'} is locked (${lock})`);
}

function packedIn(packed: ReadonlyMap<string, Packed>, volid: string): Packed {
  const found = packed.get(volid);
  if (found === undefined) throw new Refused(500, `volume '${volid}' does not exist`);
  return found;
}

/** Begins to make a guest: in place of one that is there with `force`, else a new one. */
async function restore(call: Call, type: 'lxc' | 'qemu'): Promise<string> {
  const { fake, params, at, asked } = call;
  const { cluster } = fake;
  const { vmid = '', pool } = params;
  const volid = params['ostemplate'] ?? params['archive'] ?? '';
  const there = cluster.guests.find((one) => String(one.vmid) === vmid);
  requireRights(call, there !== undefined);
  if (there !== undefined && params['force'] !== '1')
    throw new Refused(500, `unable to restore - VM ${vmid} already exists on node '${there.node}'`);
  const packed = packedIn(cluster.packed, volid);
  const config = type === 'lxc' ? asContainer(call, packed.config) : packed.config;
  if (there !== undefined) requireUnlocked(there);
  const fresh = { vmid: Number(vmid), type, node: at['node'] ?? '', name: vmid, hasFeature: true, snapshots: [] };
  const guest: FakeGuest = there ?? { ...fresh, config: { memory: '128' } };
  if (there === undefined) cluster.guests.push(guest);
  const full = cluster.fault(asked, 'storage full') !== undefined;
  return begin(call, { guest, type: kindOf(guest, 'vzrestore', 'qmrestore') }, async () => {
    guest.lock = 'create';
    if (cluster.fault(asked, 'cut short') !== undefined) throw new Error('unexpected status');
    try {
      if (full) throw new Error('write error: No space left on device');
      if (there !== undefined && (await cluster.statusOf(guest)) === 'running')
        throw new Error(`unable to restore CT ${vmid} - can't overwrite running container`);
      requireBridges(call, packed.config);
      requireForRoot(config, packed.config);
      const privileged = type === 'lxc' && packed.config['unprivileged'] !== '1';
      if (there === undefined && privileged && !rightsOn(fake, '/').includes('Sys.Modify'))
        throw new Error('Permission check failed (/, Sys.Modify)');
      await cluster.unpack(guest, volid);
    } catch (error) {
      // A container that could not be made goes; of a machine an empty one stays.
      if (there === undefined && type === 'lxc') cluster.guests.splice(cluster.guests.indexOf(guest), 1);
      throw error;
    } finally {
      delete guest.lock;
    }
    guest.config = { ...config, ...overriding(params) };
    guest.name = guest.config['hostname'] ?? guest.config['name'] ?? vmid;
    guest.snapshots = [];
    if (packed.agent !== undefined) guest.agent = packed.agent;
    if (pool !== undefined) guest.pool = pool;
  });
}

function requireRights(call: Call, there: boolean): void {
  const { fake, params } = call;
  const { vmid, pool, storage } = params;
  const paths = [`/vms/${vmid}`, ...(pool === undefined ? [] : [`/pool/${pool}`])];
  const may = (right: string) => paths.some((path) => rightsOn(fake, path).includes(right));
  const over = there && params['force'] === '1' && may('VM.Backup');
  if (!may('VM.Allocate') && !over) throw new Refused(403, 'Permission check failed');
  for (const key of Object.keys(params)) {
    const right = rightFor(key);
    if (right !== undefined && !may(right)) throw new Refused(403, `Permission check failed (${paths[0]}, ${right})`);
  }
  if (storage !== undefined) demand(fake, `/storage/${storage}`, 'Datastore.AllocateSpace');
}

function rightFor(key: string): string | undefined {
  if (/^(?:rootfs|mp\d+)$/.test(key)) return 'VM.Config.Disk';
  return OPTIONS.has(key) ? 'VM.Config.Options' : undefined;
}

/** Without `rootfs` all disks go to one storage, which is `local` when none is named; with it, only those named are made. */
function asContainer({ fake, params }: Call, config: Record<string, string>): Record<string, string> {
  const named = Object.entries(params).filter(([key]) => /^(?:rootfs|mp\d+)$/.test(key));
  const isDisk = (key: string) => /^(?:rootfs|mp\d+|unused\d+)$/.test(key);
  const storages =
    named.length > 0 ? named.map(([, value]) => value.split(':')[0] ?? '') : [params['storage'] ?? 'local'];
  for (const storage of storages) {
    if (STORAGES[storage]?.content.includes('rootdir') !== true) {
      const problem = `storage '${storage}' does not support container directories`;
      throw new Refused(400, 'Parameter verification failed.', { storage: problem });
    }
    demand(fake, `/storage/${storage}`, 'Datastore.AllocateSpace');
  }
  if (named.length === 0) return config;
  const rest = Object.entries(config).filter(([key]) => !isDisk(key) && !key.startsWith('lxc.'));
  const made = named.map(([key, value]) => {
    const [, gib = '0', options = ''] = /^[^:]+:(\d+(?:\.\d+)?)(,.*)?$/.exec(value) ?? [];
    if (gib === '0') throw new Refused(400, 'Parameter verification failed.', { [key]: 'invalid format' });
    return [key, `${value.split(':')[0]}:vm-${params['vmid']}-${key}${options},size=${Number(gib) * 1024}M`];
  });
  return Object.fromEntries([...rest, ...made]);
}

function requireBridges({ fake }: Call, config: Record<string, string>): void {
  for (const [key, value] of Object.entries(config)) {
    const bridge = key.startsWith('net') ? /bridge=([^,]+)/.exec(value)?.[1] : undefined;
    const path = `/sdn/zones/localnetwork/${bridge}`;
    if (bridge !== undefined && !rightsOn(fake, path).includes('SDN.Use'))
      throw new Error(`Permission check failed (${path}, SDN.Use)`);
  }
}

/** What only root@pam may bring back, and a token never is that. */
function requireForRoot(config: Record<string, string>, packed: Record<string, string>): void {
  for (const [key, value] of Object.entries(config)) {
    if (/^mp\d+$/.test(key) && value.startsWith('/') && config === packed)
      throw new Error(`restoring '${key}' to bind mount is only possible for root`);
    if (/^hostpci\d+$/.test(key) && !value.includes('mapping='))
      throw new Error(`only root can set '${key}' config for non-mapped devices`);
  }
}

/** What is given with the archive goes before what is in it. */
function overriding(params: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).filter(([key]) => OPTIONS.has(key)));
}
