/** The last two stages: from everything that was written to the one object that the other rooms see. */
import { z } from 'zod';
import { type BackupSurroundings, compileBackup } from '#config/backup.ts';
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { checkDependencies } from '#config/depends-on.ts';
import { hostName } from '#config/fields.ts';
import { pluginDirOf } from '#config/find.ts';
import { compileGlobal } from '#config/global.ts';
import { reportSharedHeartbeats } from '#config/heartbeats.ts';
import { compileHypervisors } from '#config/hypervisors.ts';
import { isObject, pick, readInstances } from '#config/instances.ts';
import type { Report } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { compileMonitoring, Monitoring } from '#config/monitoring.ts';
import { compileNotifications } from '#config/notifications.ts';
import { prepare } from '#config/prepare.ts';
import { Backup, DestinationCore, Host, Redis, TOP_LEVEL_KEYS, Updates, Version } from '#config/schema.ts';
import type { SecretFile, Section } from '#config/section.ts';
import { type CompiledService, compileService, reportDuplicates, type ServiceSurroundings } from '#config/services.ts';
import type { WrittenNode } from '#config/source.ts';
import type { Config, PluginInstance } from '#config/types.ts';
import { compileRegistries, compileUpdate, UPDATE_KEYS } from '#config/update.ts';
import { servicePath, type WrittenConfig } from '#config/written.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';

export interface Compiled {
  /** Right only when the report has no errors. */
  config: Omit<Config, 'warnings'>;
  /** In the words of the file, defaults filled in, secrets masked. */
  effective: JsonObject;
  secretFiles: SecretFile[];
}

interface Work {
  written: WrittenConfig;
  catalog: PluginCatalog;
  report: Report;
  secretFiles: SecretFile[];
}

export function compile(
  file: string,
  written: WrittenConfig,
  { catalog, report }: { catalog: PluginCatalog; report: Report },
): Compiled {
  const work: Work = { written, catalog, report, secretFiles: [] };
  checkTopLevel(work);
  const global = compileGlobal(sectionOf(work, 'global'));
  const redis = compileRedis(work);
  const hosts = [...new Set([global.config.host, ...compileHosts(work)])];
  const reach = { catalog, host: global.config.host, hosts };
  const hypervisors = compileHypervisors(sectionOf(work, 'hypervisors'), reach);
  const destinations = compileDestinations(work);
  const { timezone, timeoutMs, host } = global.config;
  const around = { timezone, timeoutMs, destinations: destinations.names };
  const places = { host, hosts, hypervisors: hypervisors.names, hypervisorsByName: hypervisors.byName };
  const backupDefaults = compileBackupDefaults(work, around);
  const updates = compileUpdates(work, timezone);
  const updateDefaults = pick(updates.value, UPDATE_KEYS);
  const monitoring = compileMonitoringSection(work);
  const services = compileServices(work, {
    ...around,
    ...places,
    catalog,
    monitoring: monitoring.config,
    backupDefaults,
    updateDefaults,
  });
  const names = written.services.flatMap(({ node }) => textOf(child(node, 'name')) ?? []);
  const notifications = compileNotifications(sectionOf(work, 'notifications'), {
    catalog,
    services: names,
    timezone,
  });
  return {
    config: {
      file,
      global: global.config,
      redis: redis.config,
      hosts,
      hypervisors: hypervisors.instances,
      destinations: destinations.instances,
      notifications: notifications.config,
      identity: identityOf(backupDefaults),
      registries: updates.registries,
      monitoring: monitoring.config,
      services: services.map(({ service }) => service),
      pluginDir: pluginDirOf(file),
    },
    effective: {
      version: 1,
      global: global.effective,
      ...redis.effective,
      hosts: Object.fromEntries(hosts.map((name) => [name, {}])),
      hypervisors: hypervisors.effective,
      destinations: destinations.effective,
      notifications: notifications.effective,
      backup: defaulted(Backup, backupDefaults) ?? {},
      updates: defaulted(Updates, updates.value) ?? {},
      monitoring: monitoring.effective,
      services: services.map(({ effective }) => effective),
    },
    secretFiles: work.secretFiles,
  };
}

function checkTopLevel(work: Work): void {
  const section = { ...sectionOf(work, ''), node: work.written.main, path: [] };
  const keys = z.object({
    ...Object.fromEntries(TOP_LEVEL_KEYS.map((key) => [key, z.unknown()])),
    version: Version.default(1),
  });
  const value = prepare(keys, section);
  if (isObject(value)) check(z.object({ version: Version.default(1) }), pick(value, ['version']), { section });
}

/** A section that was left out is an empty one. */
function sectionOf({ written, report, secretFiles }: Work, key: string): Section {
  const { main } = written;
  const node: WrittenNode = child(main, key) ?? { kind: 'map', at: main.at, entries: new Map() };
  return { node, path: [key], name: key, report, secretFiles };
}

function compileRedis(work: Work): { config: Config['redis']; effective: JsonObject } {
  const node = child(work.written.main, 'redis');
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return { config: null, effective: {} };
  const section = sectionOf(work, 'redis');
  const value = prepare(Redis, section);
  const config = check(Redis, value, { section });
  return { config: config ?? null, effective: { redis: defaulted(Redis, value) ?? {} } };
}

/** Also the names in a section of the wrong form, so that a reference to one is not called wrong as well. */
function compileHosts(work: Work): string[] {
  const section = sectionOf(work, 'hosts');
  const schema = z.record(hostName(), Host);
  check(schema, prepare(schema, section), { section });
  const { node } = section;
  if (node.kind === 'list') return node.items.flatMap((item) => textOf(item) ?? []);
  return node.kind === 'map' ? [...node.entries.keys()] : [];
}

function compileDestinations(work: Work): { instances: PluginInstance[]; names: string[]; effective: JsonObject } {
  const kind = { kind: 'destination', core: DestinationCore, catalog: work.catalog } as const;
  const { read, names, effective } = readInstances(kind, sectionOf(work, 'destinations'));
  return { instances: read.map(({ instance }) => instance), names, effective };
}

function compileBackupDefaults(work: Work, around: BackupSurroundings): JsonObject {
  return compileDefaults(work, 'backup', Backup, (value, section) =>
    compileBackup(value, { section, inherited: false }, around),
  );
}

/** A section that is wrong was told of already. */
function identityOf(backupDefaults: JsonObject): Config['identity'] {
  return Backup.safeParse(backupDefaults).data?.encryption?.identity ?? null;
}

function compileUpdates(work: Work, timezone: string): { value: JsonObject; registries: Config['registries'] } {
  let registries: Config['registries'] = {};
  const value = compileDefaults(work, 'updates', Updates, (written, section) => {
    compileUpdate(pick(written, UPDATE_KEYS), { section, inherited: false }, timezone);
    registries = compileRegistries(written, section);
  });
  return { value, registries };
}

function compileMonitoringSection(work: Work): { config: Config['monitoring']; effective: Json } {
  const section = sectionOf(work, 'monitoring');
  const value = prepare(Monitoring, section);
  return { config: compileMonitoring(value, section), effective: defaulted(Monitoring, value) ?? {} };
}

/** @returns the section as written, for each service to say more. */
function compileDefaults(
  work: Work,
  key: string,
  schema: z.ZodObject,
  compileSection: (value: JsonObject, section: Section) => unknown,
): JsonObject {
  const section = sectionOf(work, key);
  const value = prepare(schema, section);
  if (!isObject(value)) {
    check(schema, value, { section });
    return {};
  }
  compileSection(value, section);
  return value;
}

function compileServices(work: Work, around: ServiceSurroundings): CompiledService[] {
  const { report, secretFiles, written } = work;
  const sections = written.services.map((service): Section => {
    const { node, path } = service;
    return { node, path, name: servicePath(service), report, secretFiles };
  });
  reportDuplicates(sections);
  reportSharedHeartbeats(sections);
  checkDependencies(sections);
  return sections.flatMap((section) => compileService(section, around) ?? []);
}
