/** What holds, for `config show` and `config get`. */
import { stringify } from 'yaml';
import { descend } from '#config/locate.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';

/** The effective configuration (`CheckedConfig.effective`) as YAML. Secrets are masked in it already. */
export function showConfig(effective: JsonObject): string {
  return stringify(effective, { lineWidth: 0 });
}

/**
 * One value by its dotted path: `backup.retention.keep_last`, `services.notes.host`, `services[0].host`.
 * @throws HA_NOT_FOUND with the nearest key.
 */
export function getKey(effective: JsonObject, key: string): Json {
  const found = descend<Json>(effective, key, branches);
  if (found !== undefined) return found;
  const suggestion = nearest(key, allKeys(effective, ''));
  throw new AutopilotError('HA_NOT_FOUND', `the configuration has no key "${key}"`, {
    next: suggestion === undefined ? 'See  homelab-autopilot config show' : `Did you mean "${suggestion}"?`,
  });
}

function branches(value: Json): [string, Json][] {
  if (value === null || typeof value !== 'object') return [];
  if (!Array.isArray(value)) return Object.entries(value);
  return value.flatMap((item, index): [string, Json][] => {
    const name = nameOf(item);
    return [[`[${index}]`, item], ...(name === undefined ? [] : [[name, item] as [string, Json]])];
  });
}

function nameOf(item: Json): string | undefined {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return undefined;
  return typeof item['name'] === 'string' ? item['name'] : undefined;
}

function allKeys(value: Json, prefix: string): string[] {
  return branches(value).flatMap(([key, member]) => {
    const path = prefix === '' || key.startsWith('[') ? `${prefix}${key}` : `${prefix}.${key}`;
    return [path, ...allKeys(member, path)];
  });
}
