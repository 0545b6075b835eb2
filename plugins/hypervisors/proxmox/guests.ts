/** Guests of a cluster: where each is now, and in which state. */
import { AutopilotError } from '#kernel/errors.ts';
import { type Guest, GuestState } from '#sdk/kinds/hypervisor.ts';
import { type Resource, Resources, Status } from './answers.ts';
import { type Pve, read, unreachable } from './api.ts';
import { refusal } from './refusals.ts';
import type { End, Place } from './tasks.ts';

/** A container or a virtual machine, in the words of paths. */
export type GuestType = 'lxc' | 'qemu';

/** One guest, where it was found. */
export interface At extends Place {
  type: GuestType;
}

const VMID = /^[1-9][0-9]{2,8}$/;
const MOVES = 3;

export async function listGuests(pve: Pve): Promise<Guest[]> {
  const found = await resources(pve);
  return await Promise.all(found.map((one) => guestOf(pve, one)));
}

/** Does something with a guest where it is; when it has moved meanwhile, once more where it is now. */
export async function onGuest<T>(pve: Pve, id: string, work: (at: At) => Promise<T>): Promise<T> {
  let at = await locate(pve, id);
  for (let moves = 0; ; moves += 1) {
    try {
      return await work(at);
    } catch (error) {
      if (!(error instanceof AutopilotError) || error.code !== 'HA_NOT_FOUND' || moves === MOVES) throw error;
      const now = await locate(pve, id);
      if (now.node === at.node) throw error;
      at = now;
    }
  }
}

export async function findGuest(pve: Pve, id: string): Promise<Guest> {
  return await onGuest(pve, id, async () => await guestOf(pve, await resourceOf(pve, id)));
}

async function locate(pve: Pve, id: string): Promise<At> {
  return atOf(await resourceOf(pve, id));
}

/** Where a guest is; undefined for none that the token may see. */
export async function presentAt(pve: Pve, id: string): Promise<At | undefined> {
  const found = (await resources(pve)).find(({ vmid }) => String(vmid) === id);
  return found === undefined ? undefined : atOf(found);
}

function atOf({ type, node = '', vmid }: Resource): At {
  return { node, vmid: String(vmid), type: type === 'lxc' ? 'lxc' : 'qemu' };
}

export async function stateOf(pve: Pve, at: At): Promise<GuestState> {
  return stateFrom(await read(pve, Status, { path: [...pathOf(at), 'status', 'current'] }));
}

export function pathOf({ node, type, vmid }: At): string[] {
  return ['nodes', node, type, vmid];
}

/** The error for a change that did not bring what was asked for. It is thrown after a look, never instead of one. */
export async function failure(pve: Pve, at: At, { end, doing }: { end: End; doing: string }): Promise<AutopilotError> {
  const { tools } = pve;
  const now = await locate(pve, at.vmid);
  // Refused because it is elsewhere: nothing was done, and `onGuest` goes there.
  if (now.node !== at.node) {
    return new AutopilotError(
      'HA_NOT_FOUND',
      `${tools.name}: the guest ${at.vmid} moved from ${at.node} to ${now.node}`,
    );
  }
  if (end.kind === 'failed') return refusal(tools, end, doing);
  if (end.kind === 'done') {
    return new AutopilotError(
      'HA_REMOTE_REFUSED',
      `${tools.name}: Proxmox VE says that it could ${doing}, and it is not so`,
      {
        next: 'see the task in the web interface of Proxmox VE',
      },
    );
  }
  return unknownOutcome(pve, { end, doing });
}

export function unknownOutcome(
  { tools }: Pve,
  { end, doing }: { end: { text: string }; doing: string },
): AutopilotError {
  const lost = unreachable(tools, end.text);
  const text = `${lost.message}; whether it did ${doing} is not known`;
  return new AutopilotError('HA_REMOTE_UNREACHABLE', text, { next: 'it is looked at anew when this is tried again' });
}

async function resources(pve: Pve): Promise<Resource[]> {
  const all = await read(pve, Resources, { path: ['cluster', 'resources'], params: { type: 'vm' } });
  return all.filter(({ template, node, vmid }) => template !== true && node !== undefined && vmid !== undefined);
}

async function resourceOf(pve: Pve, id: string): Promise<Resource> {
  const found = VMID.test(id) ? (await resources(pve)).find(({ vmid }) => String(vmid) === id) : undefined;
  if (found !== undefined) return found;
  throw new AutopilotError('HA_NOT_FOUND', `${pve.tools.name}: there is no guest ${id} that the token may see`, {
    next: `see the list in the web interface; guests are named by number, and the token needs VM.Audit on /vms/${id}`,
  });
}

/** The list of the cluster is some seconds old; a node that is away is all that is taken from its word. */
async function guestOf(pve: Pve, found: Resource): Promise<Guest> {
  const { type, node = '', vmid = 0, name = String(vmid), status } = found;
  const known = { id: String(vmid), name, type: type === 'lxc' ? ('container' as const) : ('vm' as const), node };
  if (status === 'unknown') return { ...known, state: 'unknown', lock: found.lock ?? null };
  const now = await read(pve, Status, { path: [...pathOf(atOf(found)), 'status', 'current'] });
  return { ...known, state: stateFrom(now), lock: now.lock ?? null };
}

function stateFrom({ status, qmpstatus }: { status: string; qmpstatus?: string | undefined }): GuestState {
  if (status === 'running' && (qmpstatus === 'paused' || qmpstatus === 'suspended')) return 'paused';
  if (status === 'running' && (qmpstatus ?? 'running') !== 'running') return 'changing';
  return GuestState.catch('unknown').parse(status);
}
