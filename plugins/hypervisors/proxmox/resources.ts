/** How much storage and memory the nodes of a cluster have. */
import type { Storage } from '#sdk/kinds/hypervisor.ts';
import { type Resource, Resources } from './answers.ts';
import { type Pve, read } from './api.ts';
import { freeOf } from './storages.ts';

export async function resources(pve: Pve) {
  const all = await read(pve, Resources, { path: ['cluster', 'resources'] });
  const nodes = all.filter(({ type }) => type === 'node');
  const storages = new Map<string, Storage>();
  for (const one of all.filter(({ type }) => type === 'storage')) {
    const name = one.shared === true || nodes.length < 2 ? (one.storage ?? one.id) : `${one.node}:${one.storage}`;
    storages.set(name, {
      name,
      holds: holdsOf(one),
      totalBytes: one.maxdisk ?? null,
      freeBytes: freeOf(one.maxdisk, one.disk),
    });
  }
  return {
    storages: [...storages.values()],
    memory: {
      totalBytes: sum(nodes.map(({ maxmem }) => maxmem)),
      freeBytes: sum(nodes.map(({ maxmem, mem }) => freeOf(maxmem, mem) ?? undefined)),
    },
  };
}

function holdsOf({ content = '' }: Resource): Storage['holds'] {
  const kinds = content.split(',');
  const disks = kinds.includes('images') || kinds.includes('rootdir');
  return [...(disks ? (['disks'] as const) : []), ...(kinds.includes('backup') ? (['backups'] as const) : [])];
}

/** Null when not one of them tells: the right Sys.Audit is needed for that. */
function sum(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}
