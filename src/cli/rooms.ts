/** The real rooms. Each is imported when it is first needed: `--help` must not wait for any of them. */

import type { Settings } from '#app/settings.ts';
import type { UpdateReport } from '#app/update-check.ts';
import type { AskedCheck, ConfigRoom, PluginsRoom, Rooms } from '#cli/ports.ts';
import type { CheckedConfig } from '#config/load.ts';

const config: ConfigRoom = {
  check,
  async show(file) {
    const [{ showConfig }, { effective }] = await Promise.all([import('#config/show.ts'), valid(file)]);
    return { effective, yaml: showConfig(effective) };
  },
  async get(file, key) {
    const [{ getKey }, { effective }] = await Promise.all([import('#config/show.ts'), valid(file)]);
    return getKey(effective, key);
  },
  async schema(file) {
    const { configJsonSchema } = await import('#config/json-schema.ts');
    return configJsonSchema((await pluginsFor(file)).catalog);
  },
};

const plugins: PluginsRoom = {
  async list(file) {
    const { list, problems } = await pluginsFor(file);
    return { plugins: list, problems };
  },
  async check(folder) {
    const { loadCatalog } = await import('#app/settings.ts');
    const { list, problems } = await loadCatalog(folder);
    return { plugins: list.filter(({ origin }) => origin === 'user'), problems };
  },
  async actions(kind) {
    const [{ actionSchemas }, known] = await Promise.all([import('#host/kind-schemas.ts'), pluginKind(kind)]);
    return known === undefined ? [] : actionSchemas(known);
  },
  async template(kind, name) {
    const [{ pluginTemplate }, known] = await Promise.all([import('#host/template.ts'), pluginKind(kind)]);
    return known === undefined ? {} : pluginTemplate(known, name);
  },
  folder,
};

async function pluginKind(word: string) {
  const { pluginFolders } = await import('#sdk/catalog.ts');
  return Object.values(pluginFolders).find((kind) => kind === word);
}

export const realRooms: Rooms = {
  loadSettings: async (options) => (await import('#app/settings.ts')).loadSettings(options),
  connectController: async (settings) => (await import('#app/connect.ts')).connectController(settings),
  openHistory: async (settings) => (await import('#app/history.ts')).openHistory(settings),
  async checkNames({ config }, names) {
    const { loadWorkflows, workflowNamed } = await import('#app/workflows.ts');
    const { serviceNamed } = await import('#app/planning.ts');
    workflowNamed(await loadWorkflows(), names.workflow);
    for (const name of names.services) serviceNamed(config, name);
  },
  previewOffline: async (settings, request) =>
    (await import('#cli/preview-offline.ts')).previewOffline(settings, request),
  up: async (settings, options) => (await import('#app/up.ts')).up(settings, options),
  runWorker: async (settings, options) => (await import('#app/up.ts')).runWorker(settings, options),
  bareSettings: async () => (await import('#app/bare-settings.ts')).bareSettings(),
  openBackups: async (settings, options) => (await import('#app/backups.ts')).openBackups(settings, options),
  config,
  plugins,
  doctor: async (options) => (await import('#cli/doctor/doctor.ts')).examine(options),
  forecast: async (settings, coming) => (await import('#app/forecast.ts')).forecast(settings, coming),
  openLedgerLog: async (settings) => (await import('#app/ledger-log.ts')).openLedgerLog(settings),
  testChannels: async (settings, options) => (await import('#app/channels.ts')).testChannels(settings, options),
  openOutboxLog: async (settings) => (await import('#app/outbox-log.ts')).openOutboxLog(settings),
  checkUpdates,
  openHealth: async (settings, now) => (await import('#app/health-view.ts')).openHealthView(settings, now),
  askChecks,
  beat: async (settings, name) => (await import('#app/beat.ts')).beat(settings, name),
  findService: async ({ config: known }, name) => (await import('#app/planning.ts')).serviceNamed(known, name),
  rehearse: async (settings, wish) => (await import('#app/rehearse/rehearse.ts')).rehearse(settings, wish),
  serviceState: async (settings, service) => (await import('#app/service-state.ts')).serviceState(settings, service),
  guestBackups: async (settings, service, signal) =>
    (await import('#app/guest-backups.ts')).guestBackups(settings, service, signal),
};

async function checkUpdates(
  settings: Settings,
  { services: names, signal }: { services: readonly string[]; signal: AbortSignal },
): Promise<UpdateReport> {
  const { checkUpdates: run } = await import('#app/update-check.ts');
  const { serviceNamed } = await import('#app/planning.ts');
  const { config } = settings;
  const services = names.length === 0 ? config.services : names.map((name) => serviceNamed(config, name));
  const { knownDecisions } = await import('#app/decisions.ts');
  return run(settings, { services, decisions: await knownDecisions(settings), signal });
}

async function askChecks(
  settings: Settings,
  { services: names, signal }: { services: readonly string[]; signal: AbortSignal },
): Promise<AskedCheck[]> {
  const { askChecks: ask } = await import('#app/ask-checks.ts');
  const { serviceNamed } = await import('#app/planning.ts');
  const { config } = settings;
  const services = names.length === 0 ? config.services : names.map((name) => serviceNamed(config, name));
  return ask(settings, { services, signal, now: new Date() });
}

async function check(file: string | undefined): Promise<CheckedConfig> {
  const { checkConfig } = await import('#config/load.ts');
  const { catalog } = await pluginsFor(file);
  return checkConfig({ file, env: process.env, cwd: process.cwd(), catalog });
}

/** @throws AutopilotError HA_CONFIG_INVALID: what is shown of a wrong configuration would be wrong as well. */
async function valid(file: string | undefined): Promise<CheckedConfig> {
  const checked = await check(file);
  if (checked.errors.length === 0) return checked;
  const { loadSettings } = await import('#app/settings.ts');
  await loadSettings(file === undefined ? {} : { config: file });
  return checked;
}

/** Plugins can be listed, checked and begun before there is a configuration. */
async function folder(file: string | undefined): Promise<string> {
  const { findConfigFile, pluginDirOf } = await import('#config/find.ts');
  const found = findConfigFile({ file, env: process.env, cwd: process.cwd() });
  const main = file === undefined ? await found.catch(() => ({ file: 'homelab-autopilot.yaml' })) : await found;
  return pluginDirOf(main.file);
}

async function pluginsFor(file: string | undefined) {
  const { loadCatalog } = await import('#app/settings.ts');
  return loadCatalog(await folder(file));
}
