/** The configuration of one plugin instance, as its actions see it. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { Plugin } from '#sdk/contract.ts';
import type { PluginRef } from '#sdk/plan.ts';

/** The plugin's own keys, and `backup` for those that it adds to a service's backup section. */
export function instanceSchema(plugin: Plugin): z.ZodObject {
  const backup = (plugin.backup ?? z.object({})).strict();
  return plugin.config.safeExtend({ backup: needsNothing(backup) ? backup.prefault({}) : backup.optional() }).strict();
}

/** Fails with HA_CONFIG_INVALID: a plan may be older than the plugin that is installed now. */
export function instanceConfig(plugin: Plugin, ref: PluginRef): unknown {
  const parsed = instanceSchema(plugin).safeParse(withoutMissingBackup(plugin, ref.config));
  if (parsed.success) return parsed.data;
  throw new AutopilotError('HA_CONFIG_INVALID', `${ref.kind} ${ref.name} (${ref.type}): ${issuesText(parsed.error)}`, {
    next: 'correct the configuration and start a new run',
  });
}

/**
 * A service without a backup section is only looked at: no plan names an action for it that reads `backup`. So what
 * the section would have to hold is not missed.
 */
function withoutMissingBackup(plugin: Plugin, config: JsonObject): JsonObject {
  const { backup, ...rest } = config;
  const isEmpty = backup === undefined || (isObject(backup) && Object.keys(backup).length === 0);
  return isEmpty && plugin.backup !== undefined && !needsNothing(plugin.backup) ? rest : config;
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
