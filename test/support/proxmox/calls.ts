/** One request to the fake Proxmox VE: what it is about, the rights that it needs, and the task that it begins. */
import type { FakeGuest } from './cluster.ts';
import type { FakeProxmox } from './server.ts';

const USER = 'hlap@pve!autopilot';

/** An answer that says no. */
export class Refused extends Error {
  readonly status: number;
  readonly errors: Record<string, string> | undefined;

  constructor(status: number, message: string, errors?: Record<string, string>) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

export interface Asked {
  asked: string;
  method: string;
  path: string;
  params: Record<string, string>;
}

export interface Call extends Asked {
  fake: FakeProxmox;
  /** What stands in the path for `{node}`, `{vmid}` and so on. */
  at: Record<string, string>;
}

/** On a guest those of its pool count too. */
export function rightsOn({ rights, cluster }: FakeProxmox, path: string): string[] {
  const pool = cluster.guests.find(({ vmid }) => path === `/vms/${vmid}`)?.pool;
  const paths = pool === undefined ? [path] : [path, `/pool/${pool}`];
  return [...rights]
    .filter(([from]) => paths.some((one) => from === '/' || one === from || one.startsWith(`${from}/`)))
    .flatMap(([, names]) => names);
}

export function demand(fake: FakeProxmox, path: string, ...anyOf: string[]): void {
  if (rightsOn(fake, path).some((right) => anyOf.includes(right))) return;
  throw new Refused(403, `Permission check failed (${path}, ${anyOf.join('|')})`);
}

export function guestOf({ fake, at }: Call, ...rights: string[]): FakeGuest {
  demand(fake, `/vms/${at['vmid']}`, ...rights);
  const { node, type, vmid } = at;
  const guest = fake.cluster.guests.find((one) => String(one.vmid) === vmid && one.node === node && one.type === type);
  if (guest !== undefined) return guest;
  const folder = type === 'lxc' ? 'lxc' : 'qemu-server';
  throw new Refused(500, `Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`);
}

/** Begins a task: what is wrong with it shows at its end. */
export function begin(
  { fake, asked }: Call,
  { guest, type }: { guest: FakeGuest; type: string },
  work: () => Promise<void>,
): string {
  const { cluster } = fake;
  const fault = cluster.fault(
    asked,
    'unexpected status after the act',
    'unexpected status before the act',
    'storage full',
  );
  const upid = cluster.start({ node: guest.node, type, id: String(guest.vmid), user: USER }, async () => {
    if (fault === 'storage full') throw new Error('write error: No space left on device');
    if (guest.lock !== undefined) throw new Error(`${guest.type === 'lxc' ? 'CT' : 'VM'} is locked (${guest.lock})`);
    if (fault !== 'unexpected status before the act') await work();
    if (fault !== undefined) throw new Error('unexpected status');
  });
  return upid;
}

export const kindOf = ({ type }: FakeGuest, lxc: string, qemu: string) => (type === 'lxc' ? lxc : qemu);

export type Act = (call: Call) => unknown;
