/** How much storage and memory the hosts have, by the API. */
import { z } from 'zod';
import type { Storage } from '#sdk/kinds/hypervisor.ts';
import { allOf } from './collector.ts';
import type { EsxiTools } from './config.ts';
import { Amount, Flag, Text } from './markup.ts';
import { understood, withSession } from './session.ts';

const Datastore = z.looseObject({
  'summary.name': Text,
  'summary.capacity': Amount.optional(),
  'summary.freeSpace': Amount.optional(),
  'summary.accessible': Flag.default(true),
});

const Host = z.looseObject({
  'summary.hardware.memorySize': Amount.optional(),
  'summary.quickStats.overallMemoryUsage': Amount.optional(),
});

export async function resources(tools: EsxiTools) {
  return await withSession(tools, async (session) => {
    const found = await allOf(session, [
      { type: 'Datastore', paths: Object.keys(Datastore.shape) },
      { type: 'HostSystem', paths: Object.keys(Host.shape) },
    ]);
    const read = <S extends z.ZodType>(type: string, schema: S): z.output<S>[] =>
      found
        .filter(({ ref }) => ref.type === type)
        .map(({ properties }) => understood(tools, schema, { value: properties, what: `a ${type}` }));
    const hosts = read('HostSystem', Host).map((host) => memoryOf(host));
    return {
      storages: read('Datastore', Datastore).map(storageOf),
      memory: { totalBytes: sum(hosts.map(({ total }) => total)), freeBytes: sum(hosts.map(({ free }) => free)) },
    };
  });
}

function storageOf(one: z.output<typeof Datastore>): Storage {
  // Of one that is away the numbers are only what was known last.
  const known = one['summary.accessible'];
  return {
    name: one['summary.name'],
    holds: ['disks', 'snapshots'],
    totalBytes: one['summary.capacity'] ?? null,
    freeBytes: known ? (one['summary.freeSpace'] ?? null) : null,
  };
}

function memoryOf(host: z.output<typeof Host>): { total: number | undefined; free: number | undefined } {
  const total = host['summary.hardware.memorySize'];
  const used = host['summary.quickStats.overallMemoryUsage'];
  const free = total === undefined || used === undefined ? undefined : Math.max(0, total - used * 1024 * 1024);
  return { total, free };
}

/** Null when not one of them tells. */
function sum(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}
