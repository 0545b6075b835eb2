/** The configuration of one plugin instance, as its actions see it. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { type Plugin, pluginSections } from '#sdk/contract.ts';
import type { PluginRef } from '#sdk/plan.ts';

/** The plugin's own keys, and a key for each section of a service to which it adds some. */
export function instanceSchema(plugin: Plugin): z.ZodObject {
  const sections = pluginSections.map((name) => {
    const section = (plugin[name] ?? z.object({})).strict();
    return [name, needsNothing(section) ? section.prefault({}) : section.optional()] as const;
  });
  return plugin.config.safeExtend(Object.fromEntries(sections)).strict();
}

/** Fails with HA_CONFIG_INVALID: a plan may be older than the plugin that is installed now. */
export function instanceConfig(plugin: Plugin, ref: PluginRef): unknown {
  const parsed = instanceSchema(plugin).safeParse(withoutMissing(plugin, ref.config));
  if (parsed.success) return parsed.data;
  throw new AutopilotError('HA_CONFIG_INVALID', `${ref.kind} ${ref.name} (${ref.type}): ${issuesText(parsed.error)}`, {
    next: 'correct the configuration and start a new run',
  });
}

/**
 * A service without such a section is only looked at: no plan names an action for it that reads the section. So what
 * the section would have to hold is not missed.
 */
function withoutMissing(plugin: Plugin, config: JsonObject): JsonObject {
  const missing = pluginSections.filter((name) => {
    const section = config[name];
    const schema = plugin[name];
    const isEmpty = section === undefined || (isObject(section) && Object.keys(section).length === 0);
    return isEmpty && schema !== undefined && !needsNothing(schema);
  });
  return Object.fromEntries(Object.entries(config).filter(([key]) => !missing.some((name) => name === key)));
}

function needsNothing(schema: z.ZodObject): boolean {
  return schema.safeParse({}).success;
}

function isObject(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** All that zod found, in one line. */
export function issuesText(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}
