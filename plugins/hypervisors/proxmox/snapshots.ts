/** Snapshots of a guest: made, gone back to and removed, none but ours. */
import { AutopilotError } from '#kernel/errors.ts';
import { runOfNote, snapshotNote } from '#sdk/guests.ts';
import type { Snapshot } from '#sdk/kinds/hypervisor.ts';
import { type Entry, Feature, GuestConfig, Snapshots } from './answers.ts';
import { type Pve, read } from './api.ts';
import { type At, failure, findGuest, onGuest, pathOf, stateOf } from './guests.ts';
import { bring } from './power.ts';
import { missingOn } from './rights.ts';
import { disksIn } from './settings.ts';
import { type End, perform, settled } from './tasks.ts';

export interface Ours {
  label: string;
  run: string;
}

type StateAfter = 'running' | 'stopped' | 'asBefore';

export async function listSnapshots(pve: Pve, id: string): Promise<Snapshot[]> {
  const entries = await onGuest(pve, id, async (at) => await entriesOf(pve, at));
  return entries.toSorted((a, b) => (a.snaptime ?? 0) - (b.snaptime ?? 0)).map(told);
}

export async function canSnapshot(pve: Pve, id: string) {
  const no = (summary: string) => ({ possible: false, summary, covers: [], outage: false });
  const { lock } = await findGuest(pve, id);
  if (lock !== null) return no(`the guest ${id} is locked (${lock}); wait for what holds it to end`);
  const missing = await missingOn(pve, `/vms/${id}`, ['VM.Audit', 'VM.PowerMgmt', 'VM.Snapshot']);
  if (missing.length > 0)
    return no(`the right ${missing.join(' and ')} on /vms/${id} is missing; grant it to user and token`);
  return await onGuest(pve, id, async (at) => {
    const path = [...pathOf(at), 'feature'];
    const { hasFeature } = await read(pve, Feature, { path, params: { feature: 'snapshot' } });
    if (!hasFeature) return no(`Proxmox VE cannot snapshot the guest ${id}: ${await disksOf(pve, at)}`);
    const summary = 'its disks and its configuration';
    return { possible: true, summary, covers: ['disk' as const, 'configuration' as const], outage: false };
  });
}

export async function makeSnapshot(pve: Pve, id: string, wish: Ours & { memory: boolean }) {
  return await onGuest(pve, id, async (at) => {
    await settled(pve, at);
    const there = await ours(pve, at, wish);
    if (there !== undefined && told(there).complete)
      return { snapshot: told(there), summary: `${wish.label} was there` };
    // Of an earlier attempt that was cut short: nothing can be gone back to in it.
    if (there !== undefined) await remove(pve, at, wish, true);
    const memory = wish.memory && at.type === 'qemu' && (await stateOf(pve, at)) === 'running';
    const params = { snapname: wish.label, description: snapshotNote(wish), ...(memory ? { vmstate: 1 } : {}) };
    const end = await perform(pve, at, { method: 'POST', path: [...pathOf(at), 'snapshot'], params });
    const made = await ours(pve, at, wish);
    if (made === undefined || !told(made).complete) {
      throw await failure(pve, at, { end, doing: `snapshot the guest ${id}` });
    }
    return { snapshot: told(made), summary: `${wish.label} was made` };
  });
}

export async function restoreSnapshot(pve: Pve, id: string, wish: Ours & { state: StateAfter }): Promise<string> {
  return await onGuest(pve, id, async (at) => {
    await settled(pve, at);
    const entry = await ours(pve, at, wish);
    if (entry === undefined) {
      throw new AutopilotError('HA_NOT_FOUND', `${pve.tools.name}: the guest ${id} has no snapshot ${wish.label}`);
    }
    const before = await stateOf(pve, at);
    const state = wish.state === 'asBefore' ? asWish(before) : wish.state;
    const path = [...pathOf(at), 'snapshot', wish.label, 'rollback'];
    const end = await perform(pve, at, { method: 'POST', path });
    // Nothing about the guest shows a rollback: the end of its task alone does. A second one does no harm.
    if (end.kind !== 'done')
      throw await failure(pve, at, { end, doing: `bring the guest ${id} back to ${wish.label}` });
    await bring(pve, at, { state, graceMs: 60_000, force: true });
    return `the guest ${id} is back at ${wish.label}, and ${state}`;
  });
}

export async function deleteSnapshot(pve: Pve, id: string, wish: Ours): Promise<boolean> {
  return await onGuest(pve, id, async (at) => {
    await settled(pve, at);
    const entry = (await entriesOf(pve, at)).find(({ name }) => name === wish.label);
    if (entry === undefined || runOfNote(entry.description, wish.label) !== wish.run) return false;
    await remove(pve, at, wish, !told(entry).complete);
    return true;
  });
}

export function asWish(before: string): 'running' | 'stopped' {
  return before === 'stopped' ? 'stopped' : 'running';
}

async function remove(pve: Pve, at: At, wish: Ours, force: boolean): Promise<void> {
  const path = [...pathOf(at), 'snapshot', wish.label];
  const end: End = await perform(pve, at, { method: 'DELETE', path, ...(force ? { params: { force: 1 } } : {}) });
  const left = (await entriesOf(pve, at)).some(({ name }) => name === wish.label);
  if (left) throw await failure(pve, at, { end, doing: `remove the snapshot ${wish.label} of the guest ${at.vmid}` });
}

/** @throws AutopilotError HA_CONFLICT when somebody else's has this name. */
async function ours(pve: Pve, at: At, { label, run }: Ours): Promise<Entry | undefined> {
  const entry = (await entriesOf(pve, at)).find(({ name }) => name === label);
  if (entry === undefined || runOfNote(entry.description, label) === run) return entry;
  const whose = `${pve.tools.name}: the snapshot ${label} of the guest ${at.vmid} was not made by this run`;
  throw new AutopilotError('HA_CONFLICT', whose, { next: 'rename or remove it yourself if it is not needed' });
}

async function entriesOf(pve: Pve, at: At): Promise<Entry[]> {
  const all = await read(pve, Snapshots, { path: [...pathOf(at), 'snapshot'] });
  // "current" is the state of now, listed among them.
  return all.filter(({ name }) => name !== 'current');
}

function told({ name, description, snaptime, vmstate, snapstate }: Entry): Snapshot {
  return {
    label: name,
    createdAt: snaptime === undefined ? null : new Date(snaptime * 1_000).toISOString(),
    run: runOfNote(description, name),
    covers: vmstate === true ? ['disk', 'memory', 'configuration'] : ['disk', 'configuration'],
    leavesOut: [],
    complete: snapstate === undefined,
  };
}

/** Names the disks, because one of them is the reason: a bind mount, or a storage without snapshots. */
async function disksOf(pve: Pve, at: At): Promise<string> {
  const { disks, ofNode } = disksIn(at.type, await read(pve, GuestConfig, { path: [...pathOf(at), 'config'] }));
  const named = [
    ...disks.map(({ key, storage }) => `${key} (on ${storage})`),
    ...ofNode.map(({ key, path }) => `${key} (${path})`),
  ];
  return `one of its disks is a bind mount or is on a storage without snapshots: ${named.join(', ')}`;
}
