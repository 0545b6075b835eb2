/** Settings for a blank machine: no configuration yet, the built-in plugins, enough to restore from a destination. */
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '#app/settings.ts';
import { loadCatalog } from '#app/settings.ts';
import { DEFAULT_MONITORING } from '#config/monitoring.ts';

const STEP_LIMIT_MS = 24 * 3_600_000;

export async function bareSettings(): Promise<Settings> {
  const stateDir = join(homedir(), '.local', 'state', 'homelab-autopilot');
  const pluginDir = '/etc/homelab-autopilot/plugins.d';
  const { catalog, problems } = await loadCatalog(pluginDir);
  const host = hostname();
  return {
    catalog,
    problems,
    config: {
      file: '',
      global: {
        name: 'home',
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        host,
        stateDir,
        logDir: join(stateDir, 'log'),
        logLevel: 'info',
        priority: { nice: 0, ionice: 'none' },
        timeoutMs: STEP_LIMIT_MS,
        parallelism: { backups: 1, updates: 1 },
      },
      redis: null,
      hosts: [host],
      hypervisors: [],
      destinations: [],
      notifications: { cooldownMs: 0, channels: [], routes: [], report: null },
      identity: null,
      registries: {},
      monitoring: { ...DEFAULT_MONITORING, enabled: false },
      services: [],
      pluginDir,
      warnings: [],
    },
  };
}
