/** The services: each one's plugin, host and backup. */
import { z } from 'zod';
import { BACKUP_KEYS, type BackupSurroundings, compileBackup, mergeBackup } from '#config/backup.ts';
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { possibleGuestBackup } from '#config/guest-backup.ts';
import { possibleGuestDrill } from '#config/guest-drill.ts';
import { compileHeal } from '#config/heal.ts';
import { heartbeatsOf } from '#config/heartbeats.ts';
import { asJson, checkPlugin, instanceSchema, isObject, pick, pluginPart, readInstance } from '#config/instances.ts';
import { shapeOf } from '#config/introspect.ts';
import { addError, type Place } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { checksOf } from '#config/monitoring.ts';
import { settleProbes } from '#config/outside.ts';
import { Backup, ServiceCore, Update } from '#config/schema.ts';
import { fullPath, reportUnknownName, type Section } from '#config/section.ts';
import type { BackupConfig, HypervisorConfig, MonitoringConfig, ServiceConfig, UpdateConfig } from '#config/types.ts';
import { compileUpdate, UPDATE_KEYS } from '#config/update.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import type { Plugin, PluginSection } from '#sdk/contract.ts';

export interface ServiceSurroundings extends BackupSurroundings {
  catalog: PluginCatalog;
  monitoring: MonitoringConfig;
  /** This machine: where a service is that names no host. */
  host: string;
  hosts: readonly string[];
  /** Names of the hypervisors, also of those that are wrong. */
  hypervisors: readonly string[];
  /** Those of them that are right, by name. */
  hypervisorsByName: ReadonlyMap<string, HypervisorConfig>;
  /** The top level's `backup:`, as written. */
  backupDefaults: JsonObject;
  /** The top level's `updates:`, as written. */
  updateDefaults: JsonObject;
}

export interface CompiledService {
  service: ServiceConfig;
  /** In the words of the file, defaults filled in. */
  effective: JsonObject;
}

/** The keys of a section: those of every service, and those of its plugin. */
function sectionSchema(plugin: z.ZodObject | undefined, own: z.ZodObject): z.ZodObject {
  return z.object({ ...(plugin === undefined ? {} : shapeOf(plugin)), ...shapeOf(own) });
}

/** All keys of a service of one plugin. */
export function serviceSchema(plugin: Plugin): z.ZodObject {
  return instanceSchema(plugin, ServiceCore, sections(plugin));
}

function sections(plugin: Plugin): { backup: z.ZodType; update: z.ZodType } {
  return {
    backup: sectionSchema(plugin.backup, Backup).optional(),
    update: sectionSchema(plugin.update, Update).optional(),
  };
}

/** @returns `undefined` when something in it is wrong; all of that is in the report. */
export function compileService(section: Section, around: ServiceSurroundings): CompiledService | undefined {
  const read = readInstance({ kind: 'service', core: ServiceCore, extra: sections, catalog: around.catalog }, section);
  if (read === undefined) return undefined;
  const host = read.core?.host ?? around.host;
  checkPlaces(read.core, section, around);
  const backup = readBackup(read, section, around);
  const update = readUpdate(read, section, around);
  if (read.core === undefined || read.config === undefined) return undefined;
  if (backup.section === undefined || update.section === undefined) return undefined;
  if (update.section.schedule !== null && backup.section === null) {
    const message = 'an update needs a backup to come back to: give the service a "backup:" section';
    addError(section.report, { at: section.node.at, path: fullPath({ section, path: ['update'] }), message });
  }
  const { name, type } = read.core;
  const own = settled(read.config, section, around.monitoring);
  const checks = checksOf({ prepared: read.prepared, config: own, section }, around.monitoring);
  const heartbeats = heartbeatsOf(read.prepared['monitor']);
  const dependsOn = [...new Set(read.core.depends_on ?? [])];
  const config = { ...own, backup: backup.pluginKeys, update: update.pluginKeys };
  const heal = compileHeal(read.core.heal, { section, plugin: read.plugin, config, checks });
  const merged = { ...(backup.merged && { backup: backup.merged }), ...(update.merged && { update: update.merged }) };
  return {
    service: {
      name,
      type,
      host,
      dependsOn,
      checks,
      heartbeats,
      heal,
      guest: guestOf(read.core),
      config,
      backup: backup.section,
      update: update.section,
    },
    effective: effectiveService({ ...read.prepared, host, ...merged }, read.plugin),
  };
}

function settled(config: JsonObject, section: Section, { outside }: MonitoringConfig): JsonObject {
  const { validate } = config;
  if (validate === undefined) return config;
  return { ...config, validate: settleProbes('validate', validate, { section, outside }) };
}

type Core = z.output<typeof ServiceCore>;

function guestOf({ guest }: Core): ServiceConfig['guest'] {
  return guest === undefined ? null : { hypervisor: guest.hypervisor, id: String(guest.id) };
}

interface ReadSection<T> {
  /** Undefined when something in it is wrong. */
  section: T | undefined;
  /** What the plugin takes from it. */
  pluginKeys: JsonObject;
  /** Own words over the defaults. */
  merged?: JsonObject;
}

interface Read {
  core: Core | undefined;
  plugin: Plugin;
  prepared: JsonObject;
}

function readBackup(read: Read, section: Section, around: ServiceSurroundings): ReadSection<BackupConfig | null> {
  const own = ownSection('backup', read, section);
  // Without a section the plugin gets its defaults, as far as it has some for everything.
  if (own === undefined) return { section: null, pluginKeys: defaultsOf(read.plugin.backup) };
  if (!isObject(own.value)) {
    check(Backup, own.value, { section: own.inside });
    return { section: undefined, pluginKeys: {} };
  }
  const merged = mergeBackup(around.backupDefaults, own.value);
  const backup = compileBackup(pick(merged, BACKUP_KEYS), { section: own.inside, inherited: true }, around);
  if (backup !== null && backup?.destinations.length === 0) {
    const message = `no destination for its backups; name one here or under "backup:" at the top level`;
    addError(section.report, { at: own.inside.node.at, path: [...own.inside.path, 'destinations'], message });
  }
  const pluginKeys = pluginKeysOf(read.plugin.backup, { ...own, value: own.value }, BACKUP_KEYS);
  if (pluginKeys === undefined || !backup)
    return { section: pluginKeys && backup, pluginKeys: pluginKeys ?? {}, merged };
  const surroundings = { ...around, section: own.inside };
  const guest = possibleGuestBackup(backup.guest, read.core?.guest, surroundings);
  const drill = { ...backup.drill, guest: possibleGuestDrill(backup.drill.guest, read.core?.guest, surroundings) };
  return { section: { ...backup, guest, drill }, pluginKeys, merged };
}

function readUpdate(read: Read, section: Section, around: ServiceSurroundings): ReadSection<UpdateConfig> {
  const own = ownSection('update', read, section);
  if (own !== undefined && !isObject(own.value)) {
    check(Update, own.value, { section: own.inside });
    return { section: undefined, pluginKeys: {} };
  }
  const value = own !== undefined && isObject(own.value) ? own.value : {};
  const merged = mergeBackup(around.updateDefaults, value);
  const spot = { section: own?.inside ?? section, inherited: true };
  const update = compileUpdate(pick(merged, UPDATE_KEYS), spot, around.timezone);
  const wanted = own !== undefined;
  const compiled = update === undefined ? undefined : { ...update, wanted, schedule: wanted ? update.schedule : null };
  if (own === undefined) return { section: compiled, pluginKeys: defaultsOf(read.plugin.update) };
  const pluginKeys = pluginKeysOf(read.plugin.update, { ...own, value }, UPDATE_KEYS);
  return { section: pluginKeys === undefined ? undefined : compiled, pluginKeys: pluginKeys ?? {}, merged };
}

function ownSection(
  key: PluginSection,
  { prepared }: Read,
  section: Section,
): { inside: Section; value: Json } | undefined {
  const node = child(section.node, key);
  const value = prepared[key];
  if (node === undefined || value === undefined) return undefined;
  return { inside: { ...section, node, path: [...section.path, key], name: `${section.name}.${key}` }, value };
}

function defaultsOf(schema: z.ZodObject | undefined): JsonObject {
  return asJson(schema?.safeParse({}).data ?? {});
}

function pluginKeysOf(
  schema: z.ZodObject = z.object({}),
  { inside, value }: { inside: Section; value: JsonObject },
  others: readonly string[],
): JsonObject | undefined {
  return checkPlugin(schema, pluginPart(schema, value, others), inside);
}

function checkPlaces(core: Core | undefined, section: Section, around: ServiceSurroundings): void {
  const { host = around.host, guest } = core ?? {};
  if (!around.hosts.includes(host)) {
    reportUnknownName(section, ['host'], {
      what: 'host',
      name: host,
      known: around.hosts,
      next: 'add it under "hosts:"',
    });
  }
  if (guest === undefined || around.hypervisors.includes(guest.hypervisor)) return;
  const known = around.hypervisors;
  const wrong = { what: 'hypervisor', name: guest.hypervisor, known, next: 'add it under "hypervisors:"' };
  reportUnknownName(section, ['guest', 'hypervisor'], wrong);
}

function effectiveService(prepared: JsonObject, plugin: Plugin): JsonObject {
  const effective = defaulted(serviceSchema(plugin), prepared);
  return isObject(effective) ? effective : {};
}

/** Two services of one name are one mistake, told where the second is. */
export function reportDuplicates(sections: readonly Section[]): void {
  const first = new Map<string, Place>();
  for (const section of sections) {
    const node = child(section.node, 'name');
    const name = textOf(node);
    if (node === undefined || name === undefined) continue;
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, node.at);
      continue;
    }
    const place = `${other.file}:${other.line}:${other.column}`;
    const message = `the service "${name}" is configured twice; the other is at ${place}`;
    addError(section.report, { at: node.at, path: fullPath({ section, path: ['name'] }), message });
  }
}
