/** Backups that Proxmox VE makes and keeps on a storage of its own. */
import { AutopilotError } from '#kernel/errors.ts';
import { runOfNote, snapshotNote } from '#sdk/guests.ts';
import type { GuestBackup } from '#sdk/kinds/hypervisor.ts';
import { type Archive, Archives } from './answers.ts';
import { type Pve, read } from './api.ts';
import { STORAGE } from './config.ts';
import { type At, failure, type GuestType, onGuest } from './guests.ts';
import { type StoragePlace, storagePlaces } from './storages.ts';
import { perform, settled } from './tasks.ts';

const VOLUME = /^([A-Za-z][A-Za-z0-9_.-]*):backup\/(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_.:/+-]*$/;

/** As `vzdump` names its files, and a Proxmox Backup Server its groups. */
const OF_CONTAINER = /:backup\/(?:vzdump-lxc-|ct\/)/;

/** What a configuration lacks for backups, and what to add. */
export const NO_STORAGE = 'no storage for backups is named; give it backup_storage: NAME';

export async function backup(pve: Pve, id: string, { run, storage }: { run: string; storage?: string | undefined }) {
  const place = storageOf(pve, storage);
  return await onGuest(pve, id, async (at) => {
    await settled(pve, at);
    const find = async () => (await archivesOn(pve, at.node, place, id)).find((one) => runOf(one) === run);
    const there = await find();
    if (there !== undefined) return made(there);
    const note = snapshotNote({ run, label: labelOf(id) });
    // remove=0: what else is on the storage is not ours to prune.
    const params = { vmid: id, storage: place, mode: 'snapshot', compress: 'zstd', 'notes-template': note, remove: 0 };
    const end = await perform(pve, at, { method: 'POST', path: ['nodes', at.node, 'vzdump'], params });
    const now = await find();
    if (now === undefined) throw await failure(pve, at, { end, doing: `back the guest ${id} up to ${place}` });
    return made(now);
  });
}

function made(archive: Archive) {
  return { backup: told(archive), id: archive.volid, summary: archive.volid };
}

export async function listBackups(pve: Pve, guest: string | undefined): Promise<GuestBackup[]> {
  const backups = (await allArchives(pve, guest)).map(told);
  return backups.sort((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? ''));
}

/** @throws AutopilotError HA_NOT_FOUND, with those that there are. */
export async function findBackup(pve: Pve, guest: string, named: string | undefined) {
  const all = (await listBackups(pve, guest)).toReversed();
  const found = all.find(({ id, verified }) => (named === undefined ? verified !== false : id === named));
  if (found !== undefined) {
    const { id, createdAt, verified } = found;
    const checked = verified === null ? 'not checked by the platform' : verified ? 'verified' : 'damaged';
    return { id, createdAt, summary: `${id}, ${checked}` };
  }
  const list = all.map(({ id }) => id).join(', ') || 'none';
  const what = named === undefined ? 'has no backup that is whole' : `has no backup ${named}`;
  throw new AutopilotError('HA_NOT_FOUND', `${pve.tools.name}: the guest ${guest} ${what}`, {
    next: `there are: ${list}`,
  });
}

/** A backup that the platform found damaged is none to rely on, so it does not count, and goes with the older ones. */
export async function retainBackups(pve: Pve, guest: string, keep: number) {
  const ours = (await allArchives(pve, guest))
    .filter((one) => runOf(one) !== null)
    .toSorted((a, b) => (b.ctime ?? 0) - (a.ctime ?? 0));
  const kept = new Set(ours.filter(({ verification }) => verification?.state !== 'failed').slice(0, keep));
  const oldest = [...kept].at(-1)?.ctime ?? 0;
  const removed: string[] = [];
  for (const one of ours) {
    if (kept.has(one) || one.protected === true || (one.ctime ?? 0) > oldest) continue;
    if (await deleteBackup(pve, one.volid, runOf(one) ?? '')) removed.push(one.volid);
  }
  return { removed, summary: `${ours.length - removed.length} kept, ${removed.length} removed` };
}

/** A backup of a guest, and where it can be read. */
export interface Kept {
  archive: Archive;
  node: string;
  type: GuestType;
}

/** @param node where it must be; undefined: any that sees its storage. @throws AutopilotError HA_NOT_FOUND. */
export async function archiveOf(
  pve: Pve,
  { backup: name, id, node }: { backup: string; id: string; node: string | undefined },
): Promise<Kept> {
  const storage = storageOfVolume(pve, name);
  const places = await backupPlaces(pve);
  const nodes = node === undefined ? places.filter((one) => one.storage === storage).map((one) => one.node) : [node];
  for (const one of nodes) {
    const archive = (await archivesOn(pve, one, storage, id)).find(({ volid }) => volid === name);
    if (archive !== undefined) return { archive, node: one, type: OF_CONTAINER.test(name) ? 'lxc' : 'qemu' };
  }
  const where = node === undefined ? '' : ` on ${node}`;
  throw new AutopilotError('HA_NOT_FOUND', `${pve.tools.name}: the guest ${id} has no backup ${name}${where}`);
}

export async function deleteBackup(pve: Pve, volume: string, run: string): Promise<boolean> {
  const storage = storageOfVolume(pve, volume);
  for (const place of (await backupPlaces(pve)).filter((one) => one.storage === storage)) {
    const find = async () =>
      (await archivesOn(pve, place.node, storage, undefined)).find(({ volid }) => volid === volume);
    const archive = await find();
    if (archive === undefined) continue;
    if (runOf(archive) !== run) return false;
    const at: At = { node: place.node, vmid: String(archive.vmid), type: 'lxc' };
    const path = ['nodes', place.node, 'storage', storage, 'content', volume];
    const end = await perform(pve, at, { method: 'DELETE', path }, true);
    if ((await find()) !== undefined) throw await failure(pve, at, { end, doing: `remove the backup ${volume}` });
    return true;
  }
  return false;
}

/** Where backups lie: a storage that all nodes share is looked at by way of one of them. */
async function backupPlaces(pve: Pve): Promise<StoragePlace[]> {
  const places = new Map<string, StoragePlace>();
  for (const place of await storagePlaces(pve)) {
    const key = place.shared ? place.storage : `${place.node}/${place.storage}`;
    if (place.holds.includes('backup') && !places.has(key)) places.set(key, place);
  }
  return [...places.values()];
}

/** Of one guest or of all; each once, also when two nodes tell of it. */
async function allArchives(pve: Pve, guest: string | undefined): Promise<Archive[]> {
  const places = await backupPlaces(pve);
  const all = await Promise.all(places.map(({ node, storage }) => archivesOn(pve, node, storage, guest)));
  return [...new Map(all.flat().map((one) => [one.volid, one])).values()];
}

async function archivesOn(pve: Pve, node: string, storage: string, vmid: string | undefined): Promise<Archive[]> {
  const path = ['nodes', node, 'storage', storage, 'content'];
  return await read(pve, Archives, { path, params: { content: 'backup', ...(vmid === undefined ? {} : { vmid }) } });
}

function storageOf({ tools }: Pve, given: string | undefined): string {
  const storage = given ?? tools.config.backup_storage;
  if (storage !== undefined && STORAGE.test(storage)) return storage;
  const what = storage === undefined ? NO_STORAGE : `${JSON.stringify(storage)} is not the name of a storage`;
  throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: ${what}`);
}

function storageOfVolume({ tools }: Pve, volume: string): string {
  const [, storage] = VOLUME.exec(volume) ?? [];
  if (storage !== undefined) return storage;
  throw new AutopilotError('HA_USAGE', `${tools.name}: ${JSON.stringify(volume)} is not a backup of Proxmox VE`);
}

/** The label that the note needs: a backup has no name of ours. */
function labelOf(id: string): string {
  return `guest-${id}`;
}

function runOf({ notes, vmid }: Archive): string | null {
  return runOfNote(notes, labelOf(String(vmid)));
}

function told(one: Archive): GuestBackup {
  return {
    id: one.volid,
    guest: String(one.vmid ?? ''),
    storage: one.volid.split(':')[0] ?? '',
    createdAt: one.ctime === undefined ? null : new Date(one.ctime * 1_000).toISOString(),
    sizeBytes: one.size ?? null,
    run: runOf(one),
    verified: one.verification === undefined ? null : one.verification.state === 'ok',
  };
}
