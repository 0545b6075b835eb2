/** Storages of a cluster, as each node sees them. */
import { Resources } from './answers.ts';
import { type Pve, read } from './api.ts';

/** A storage by way of one node. */
export interface StoragePlace {
  node: string;
  storage: string;
  shared: boolean;
  /** What it takes, in the words of Proxmox VE: `backup`, `images`, `rootdir` … */
  holds: string[];
  /** Null when the node does not tell. */
  freeBytes: number | null;
}

/** Those that are there now, and that the token may see. */
export async function storagePlaces(pve: Pve): Promise<StoragePlace[]> {
  const all = await read(pve, Resources, { path: ['cluster', 'resources'], params: { type: 'storage' } });
  return all.flatMap(({ storage, node, shared, status, content = '', disk, maxdisk }) => {
    if (storage === undefined || node === undefined || status !== 'available') return [];
    return [{ node, storage, shared: shared === true, holds: content.split(','), freeBytes: freeOf(maxdisk, disk) }];
  });
}

/** Null when the node does not tell. */
export function freeOf(total: number | undefined, used: number | undefined): number | null {
  return total === undefined || used === undefined ? null : Math.max(0, total - used);
}

/** The node for a guest with disks on these storages: `first`, unless it lacks one of them and another node has all. */
export async function nodeFor(pve: Pve, storages: readonly string[], first: string): Promise<string> {
  const places = await storagePlaces(pve);
  const hasAll = (node: string) =>
    storages.every((name) => places.some((one) => one.node === node && one.storage === name));
  const nodes = [first, ...places.map(({ node }) => node)];
  return nodes.find(hasAll) ?? first;
}
