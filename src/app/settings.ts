/** What every process begins with: the configuration, and the plugins it speaks of. */
import { fileURLToPath } from 'node:url';
import { plugin as archive } from '#archive/plugin.ts';
import { findConfigFile, pluginDirOf } from '#config/find.ts';
import { loadConfig } from '#config/load.ts';
import type { Config } from '#config/types.ts';
import type { HostCatalog } from '#host/catalog.ts';
import type { PluginProblem } from '#host/plugins.ts';
import { loadPlugins } from '#host/plugins.ts';

const BUILTIN = fileURLToPath(new URL('../../plugins/', import.meta.url));

export interface Settings {
  config: Config;
  catalog: HostCatalog;
  /** Plugins that were left out, and why. */
  problems: PluginProblem[];
}

/**
 * Finds and reads the configuration.
 * @throws AutopilotError HA_CONFIG_UNREADABLE, HA_CONFIG_INVALID (with every issue in the message)
 */
export async function loadSettings(options: { config?: string } = {}): Promise<Settings> {
  const place = {
    ...(options.config === undefined ? {} : { file: options.config }),
    env: process.env,
    cwd: process.cwd(),
  };
  const { file } = await findConfigFile(place);
  const { catalog, problems } = await loadCatalog(pluginDirOf(file));
  const config = await loadConfig({ ...place, catalog });
  return { config, catalog, problems };
}

/** The built-in plugins, and the user's own from `pluginDir`. */
export async function loadCatalog(pluginDir: string): ReturnType<typeof loadPlugins> {
  return loadPlugins({ builtin: BUILTIN, user: pluginDir, extra: [archive] });
}
