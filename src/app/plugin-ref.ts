/** How steps and checks name an instance of a plugin. */
import type { PluginInstance } from '#config/types.ts';
import type { PluginRef } from '#sdk/plan.ts';

export function refOf(kind: PluginRef['kind'], { name, type, config }: PluginInstance): PluginRef {
  return { kind, name, type, config };
}

/** The product's own: there is one, and nothing of it is configured. */
export const ARCHIVE: PluginRef = { kind: 'archive', name: 'archive', type: 'archive', config: {} };
