/** The `backup:` sections: defaults at the top level, and what a service says of its own. */
import type { z } from 'zod';
import { check } from '#config/check.ts';
import { compileEncryption } from '#config/encryption.ts';
import { compileGuestBackup } from '#config/guest-backup.ts';
import { compileGuestDrill } from '#config/guest-drill.ts';
import { isObject } from '#config/instances.ts';
import { addError } from '#config/issues.ts';
import { child, locate } from '#config/locate.ts';
import { compilePing } from '#config/ping.ts';
import { compileSchedule, mergeSchedule } from '#config/schedule.ts';
import { Backup } from '#config/schema.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { BackupConfig, DrillConfig } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import { Retention } from '#sdk/retention.ts';

/** What a backup section is compiled against. */
export interface BackupSurroundings {
  timezone: string;
  timeoutMs: number;
  destinations: readonly string[];
}

export const BACKUP_KEYS = Object.keys(Backup.shape);

/** A service's own words over the defaults: maps are merged key by key, lists and all else are replaced. */
export function mergeBackup(defaults: JsonObject, own: JsonObject): JsonObject {
  const merged: JsonObject = { ...defaults };
  for (const [key, value] of Object.entries(own)) {
    const base = merged[key];
    merged[key] = isObject(base) && isObject(value) ? { ...base, ...value } : value;
  }
  const { schedule } = own;
  if (schedule !== undefined) merged['schedule'] = mergeSchedule(defaults['schedule'], schedule);
  return merged;
}

/**
 * @param inherited whether the value holds defaults from the top level, whose faults were reported there.
 * @returns `null` when backups are switched off; `undefined` when the section is wrong.
 */
export function compileBackup(
  value: JsonObject,
  spot: { section: Section; inherited: boolean },
  around: BackupSurroundings,
): BackupConfig | null | undefined {
  const backup = check(Backup, value, spot);
  if (backup === undefined) return undefined;
  checkDestinations(backup.destinations, spot, around.destinations);
  const schedule = compileSchedule(backup.schedule, spot, around.timezone);
  const drill = compileDrill(backup, spot, around);
  const encryption = compileEncryption(backup.encryption, spot);
  if (!backup.enabled) return null;
  const { keep_within: keepWithin, ...counts } = backup.retention;
  const within = keepWithin === undefined ? {} : { keep_within_ms: keepWithin };
  return {
    schedule,
    ping: compilePing(backup.ping, spot),
    destinations: [...new Set(backup.destinations)],
    compression: backup.compression,
    encryption,
    retention: Retention.parse({ ...counts, ...within, timezone: around.timezone }),
    timeoutMs: backup.timeout ?? around.timeoutMs,
    guest: compileGuestBackup(backup.guest),
    drill,
  };
}

/** Its positions are looked up in the part that was written here, if it was: a schedule of backups is none of drills. */
function compileDrill(
  { drill, destinations }: Pick<z.output<typeof Backup>, 'drill' | 'destinations'>,
  { section, inherited }: { section: Section; inherited: boolean },
  { timezone }: BackupSurroundings,
): DrillConfig {
  const node = child(section.node, 'drill') ?? { kind: 'map', at: section.node.at, entries: new Map() };
  const inside = { ...section, node, path: [...section.path, 'drill'], name: `${section.name}.drill` };
  const { destination = null } = drill;
  if (inherited && destination !== null && !destinations.includes(destination)) {
    const list = destinations.join(', ') || 'none';
    addError(section.report, {
      at: locate(node, ['destination']).at,
      path: [...inside.path, 'destination'],
      message: `the service has no backups on "${destination}" (its destinations: ${list})`,
      suggestion: nearest(destination, destinations),
    });
  }
  return {
    schedule: compileSchedule(drill.schedule, { section: inside, inherited }, timezone),
    ping: compilePing(drill.ping, { section: inside, inherited }),
    destination,
    maxBytes: drill.max_bytes,
    timeoutMs: drill.timeout,
    databases: drill.databases,
    probes: drill.probes,
    guest: compileGuestDrill(drill.guest),
  };
}

function checkDestinations(
  names: readonly string[],
  { section, inherited }: { section: Section; inherited: boolean },
  known: readonly string[],
): void {
  for (const [index, name] of names.entries()) {
    const path = ['destinations', index];
    const { at, found } = locate(section.node, path);
    if (known.includes(name) || (inherited && !found)) continue;
    const list = known.length === 0 ? 'none are configured' : `known: ${known.join(', ')}`;
    const message = `unknown destination "${name}" (${list})`;
    addError(section.report, {
      at,
      path: fullPath({ section, path }),
      message,
      suggestion: nearest(name, known),
    });
  }
}
