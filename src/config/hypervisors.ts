/** The `hypervisors:` section: each one's plugin, and the hosts that reach it. */
import { isObject, readInstances } from '#config/instances.ts';
import { HypervisorCore } from '#config/schema.ts';
import { reportUnknownName, type Section } from '#config/section.ts';
import type { HypervisorConfig } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';

export interface HypervisorSurroundings {
  catalog: PluginCatalog;
  /** This machine: who reaches a hypervisor that names no hosts. */
  host: string;
  hosts: readonly string[];
}

export function compileHypervisors(
  section: Section,
  { catalog, host, hosts: known }: HypervisorSurroundings,
): { instances: HypervisorConfig[]; names: string[]; byName: Map<string, HypervisorConfig>; effective: JsonObject } {
  const { read, names, effective } = readInstances({ kind: 'hypervisor', core: HypervisorCore, catalog }, section);
  const instances = read.map(({ instance, core, section: inside }) => {
    const hosts = [...new Set(core.hosts ?? [host])];
    for (const [i, name] of (core.hosts ?? []).entries()) {
      const wrong = { what: 'host', name, known, next: 'add it under "hosts:"' };
      if (!known.includes(name)) reportUnknownName(inside, ['hosts', i], wrong);
    }
    const own = effective[instance.name];
    effective[instance.name] = { ...(isObject(own) ? own : {}), hosts };
    return { ...instance, hosts };
  });
  const byName = new Map(instances.map((instance) => [instance.name, instance]));
  return { instances, names, byName, effective };
}
