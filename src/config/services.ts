/** The services: each one's plugin, host and backup. */
import { z } from 'zod';
import { BACKUP_KEYS, type BackupSurroundings, compileBackup, mergeBackup } from '#config/backup.ts';
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { asJson, checkPlugin, instanceSchema, isObject, pick, pluginPart, readInstance } from '#config/instances.ts';
import { shapeOf } from '#config/introspect.ts';
import { addError, type Place } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { Backup, ServiceCore } from '#config/schema.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { BackupConfig, ServiceConfig } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import type { Plugin } from '#sdk/contract.ts';

export interface ServiceSurroundings extends BackupSurroundings {
  catalog: PluginCatalog;
  /** This machine: where a service is that names no host. */
  host: string;
  hosts: readonly string[];
  /** The top level's `backup:`, as written. */
  backupDefaults: JsonObject;
}

export interface CompiledService {
  service: ServiceConfig;
  /** In the words of the file, defaults filled in. */
  effective: JsonObject;
}

/** The keys of a service's `backup:` section: those of every service, and those of its plugin. */
function backupSchema(plugin: Plugin): z.ZodObject {
  return z.object({ ...(plugin.backup === undefined ? {} : shapeOf(plugin.backup)), ...shapeOf(Backup) });
}

/** All keys of a service of one plugin. */
export function serviceSchema(plugin: Plugin): z.ZodObject {
  return instanceSchema(plugin, ServiceCore, backupSection(plugin));
}

function backupSection(plugin: Plugin): { backup: z.ZodType } {
  return { backup: backupSchema(plugin).optional() };
}

/** @returns `undefined` when something in it is wrong; all of that is in the report. */
export function compileService(section: Section, around: ServiceSurroundings): CompiledService | undefined {
  const read = readInstance(
    { kind: 'service', core: ServiceCore, extra: backupSection, catalog: around.catalog },
    section,
  );
  if (read === undefined) return undefined;
  const host = read.core?.host ?? around.host;
  checkHost(host, section, around.hosts);
  const { backup, pluginKeys, merged } = readBackup(read, section, around);
  if (read.core === undefined || read.config === undefined || backup === undefined) return undefined;
  const { name, type } = read.core;
  return {
    service: { name, type, host, config: { ...read.config, backup: pluginKeys }, backup },
    effective: effectiveService(
      { ...read.prepared, host, ...(merged === undefined ? {} : { backup: merged }) },
      read.plugin,
    ),
  };
}

interface ReadBackup {
  backup: BackupConfig | null | undefined;
  /** What the plugin takes from the section. */
  pluginKeys: JsonObject;
  /** Own words over the defaults. */
  merged?: JsonObject;
}

function readBackup(
  { plugin, prepared }: { plugin: Plugin; prepared: JsonObject },
  section: Section,
  around: ServiceSurroundings,
): ReadBackup {
  const node = child(section.node, 'backup');
  const own = prepared['backup'];
  // Without a section the plugin gets its defaults, as far as it has some for everything.
  if (node === undefined || own === undefined) {
    return { backup: null, pluginKeys: asJson(plugin.backup?.safeParse({}).data ?? {}) };
  }
  const inside = { ...section, node, path: [...section.path, 'backup'], name: `${section.name}.backup` };
  if (!isObject(own)) {
    check(Backup, own, { section: inside });
    return { backup: undefined, pluginKeys: {} };
  }
  const merged = mergeBackup(around.backupDefaults, own);
  const backup = compileBackup(pick(merged, BACKUP_KEYS), { section: inside, inherited: true }, around);
  if (backup !== null && backup?.destinations.length === 0) {
    const message = `no destination for its backups; name one here or under "backup:" at the top level`;
    addError(section.report, { at: node.at, path: [...inside.path, 'destinations'], message });
  }
  const schema = plugin.backup ?? z.object({});
  const pluginKeys = checkPlugin(schema, pluginPart(schema, own, BACKUP_KEYS), inside);
  return { backup: pluginKeys === undefined ? undefined : backup, pluginKeys: pluginKeys ?? {}, merged };
}

function checkHost(host: string, section: Section, known: readonly string[]): void {
  if (known.includes(host)) return;
  const path = ['host'];
  addError(section.report, {
    at: child(section.node, 'host')?.at ?? section.node.at,
    path: fullPath({ section, path }),
    message: `unknown host "${host}" (known: ${known.join(', ')}); add it under "hosts:"`,
    suggestion: nearest(host, known),
  });
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
