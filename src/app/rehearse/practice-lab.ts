/** A homelab of its own in a folder, with real processes and a private Redis, whose only service is a copy. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectController } from '#app/connect.ts';
import { controllerProcess, redisProcess, workerProcess } from '#app/processes.ts';
import { cloneName } from '#app/rehearse/clone.ts';
import { loadSettings, type Settings } from '#app/settings.ts';
import { supervise } from '#app/supervisor.ts';
import type { Config, ServiceConfig } from '#config/types.ts';
import type { RemoteController } from '#engine/requests.ts';
import { formatDuration } from '#kernel/duration.ts';
import type { JsonObject } from '#kernel/json.ts';

/** Knows how the copy is broken; it is in the plugin folder of such homelabs alone. */
const PLUGINS = fileURLToPath(new URL('../../../rehearsal/', import.meta.url));

export interface PracticeLab extends AsyncDisposable {
  settings: Settings;
  controller: RemoteController;
  /** Where orders for fault points are put. */
  faults: string;
  /** What becomes of the next update. */
  orders: string;
  /** Where backup sets lie while they are made. */
  staging: string;
}

export interface LabPlan {
  folder: string;
  trial: string;
  global: Config['global'];
  service: ServiceConfig;
  clone: JsonObject;
}

export async function openPracticeLab(plan: LabPlan): Promise<PracticeLab> {
  await using stack = new AsyncDisposableStack();
  const at = (name: string) => join(plan.folder, name);
  const [faults, orders, stateDir] = [at('faults'), at('orders.json'), at('s')];
  const staging = join(stateDir, 'backups', 'staging');
  for (const folder of [faults, at('sets'), staging]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await symlink(PLUGINS, at('plugins.d'));
  const config = at('rehearsal.yaml');
  await writeFile(config, configuration(plan, { stateDir, logDir: at('log'), orders, sets: at('sets') }), {
    mode: 0o600,
  });
  const settings = await loadSettings({ config });
  const quiet = () => undefined;
  const place = { config, host: plan.global.host };
  const specs = [
    redisProcess(stateDir),
    controllerProcess(place, { port: null, onUrl: quiet }),
    workerProcess({ ...place, env: { HOMELAB_AUTOPILOT_FAULTS: faults } }, 'service'),
  ];
  // Every death is ordered here: a pause that grows would only make the rehearsal longer.
  stack.use(await supervise(specs, { onDeath: quiet, onRestart: quiet, pausesMs: [100] }));
  const controller = stack.use(await connectController(settings));
  const owned = stack.move();
  return { settings, controller, faults, orders, staging, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Places {
  stateDir: string;
  logDir: string;
  orders: string;
  sets: string;
}

/** JSON is YAML too; a dollar sign would be taken for the beginning of a variable. */
function configuration({ trial, global, service, clone }: LabPlan, places: Places): string {
  const { gate } = service.update;
  const config = {
    version: 1,
    global: {
      name: 'rehearsal',
      host: global.host,
      timezone: global.timezone,
      state_dir: places.stateDir,
      log_dir: places.logDir,
      priority: global.priority,
      timeout: formatDuration(global.timeoutMs),
    },
    hosts: { [global.host]: {} },
    destinations: { here: { type: 'local', path: places.sets } },
    updates: { gate: { timeout: formatDuration(gate.timeoutMs), stable_for: formatDuration(gate.stableForMs) } },
    backup: { destinations: ['here'], retention: { keep_last: 1, min_keep: 1 } },
    services: [{ ...clone, name: cloneName(trial), type: 'rehearsal', orders: places.orders, update: {} }],
  };
  return JSON.stringify(config).replaceAll('$', '$$$$');
}
