/** A stage for the command line: rooms in memory, and a terminal that writes down what is shown. */

import type { Context, Terminal } from '#cli/context.ts';
import type { Rooms } from '#cli/ports.ts';
import { plain } from '#cli/render/style.ts';
import { runCli } from '#cli/run.ts';
import { DEFAULT_MONITORING } from '#config/monitoring.ts';
import type { Config, ServiceConfig } from '#config/types.ts';
import { createCatalog } from '#host/catalog.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { plainRules } from '#schedule/rules.ts';
import type { ScriptedController } from '#test/cli/scripted-controller.ts';

export const NOW = new Date('2026-03-01T03:00:00.000Z');

export interface Stage {
  /** Runs one command line to its end. */
  run(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }>;
  interrupt(signal?: string): void;
}

export interface StageOptions {
  controller?: ScriptedController;
  rooms?: Partial<Rooms>;
  config?: Partial<Config>;
  terminal?: Partial<Terminal>;
  env?: Record<string, string>;
}

export function stage(options: StageOptions = {}): Stage {
  const interruption = new AbortController();
  return {
    interrupt: (signal = 'SIGINT') => interruption.abort(signal),
    async run(...words) {
      const written: string[] = [];
      const told: string[] = [];
      const context: Context = {
        rooms: roomsOf(options),
        terminal: {
          write: (text) => void written.push(text),
          tell: (line) => void told.push(`${line}\n`),
          live: false,
          size: () => ({ columns: 100, rows: 40 }),
          style: plain,
          ask: null,
          ...options.terminal,
        },
        env: options.env ?? {},
        interrupted: interruption.signal,
        now: () => NOW,
      };
      const status = await runCli(words, '1.2.3', context);
      return { status, stdout: written.join(''), stderr: told.join('') };
    },
  };
}

export function serviceNamed(name: string, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name,
    type: 'generic',
    host: 'nas',
    dependsOn: [],
    checks: [],
    heartbeats: [],
    heal: null,
    guest: null,
    config: {},
    backup: {
      schedule: plainRules('0 3 * * *', 'UTC'),
      ping: null,
      destinations: ['usb'],
      compression: { algorithm: 'zstd', level: 3 },
      encryption: { recipients: [], identity: null },
      retention: { keep_last: 3, min_keep: 1, timezone: 'UTC' },
      timeoutMs: 3_600_000,
      guest: null,
      drill: {
        schedule: null,
        ping: null,
        destination: null,
        databases: true,
        probes: true,
        guest: null,
        maxBytes: 50 * 2 ** 30,
        timeoutMs: 3_600_000,
      },
    },
    update: {
      wanted: true,
      schedule: null,
      ping: null,
      policy: 'minor',
      minAgeMs: 0,
      tags: null,
      gate: { timeoutMs: 300_000, stableForMs: 30_000 },
      rollback: { mode: 'auto', askAfterMs: null, image: true, config: true, data: true },
    },
    ...more,
  };
}

export function configOf(more: Partial<Config> = {}): Config {
  return {
    file: '/etc/homelab-autopilot/homelab-autopilot.yaml',
    global: {
      name: 'home',
      timezone: 'UTC',
      host: 'nas',
      stateDir: '/var/lib/homelab-autopilot',
      logDir: '/var/log/homelab-autopilot',
      logLevel: 'info',
      priority: { nice: 0, ionice: 'none' },
      timeoutMs: 3_600_000,
      parallelism: { backups: 2, updates: 1 },
    },
    redis: null,
    hosts: ['nas', 'docker-1'],
    hypervisors: [],
    destinations: [{ name: 'usb', type: 'local', config: {} }],
    notifications: { cooldownMs: 1_800_000, channels: [], routes: [], report: null },
    registries: {},
    identity: null,
    monitoring: { ...DEFAULT_MONITORING, enabled: false },
    services: [serviceNamed('notes'), serviceNamed('paperless')],
    pluginDir: '/etc/homelab-autopilot/plugins.d',
    warnings: [],
    ...more,
  };
}

/** Every room that a test does not bring answers as on a machine where nothing runs. */
function roomsOf({ controller, rooms, config }: StageOptions): Rooms {
  const settings = { config: configOf(config), catalog: createCatalog([]), problems: [] };
  const away = async (): Promise<never> => {
    throw new AutopilotError('HA_REDIS_UNREACHABLE', 'cannot reach Redis at 127.0.0.1:6379 (connection refused)', {
      next: 'Is it running?',
    });
  };
  return {
    loadSettings: async () => settings,
    bareSettings: async () => settings,
    connectController: controller === undefined ? away : async () => controller,
    openHistory: async () => null,
    checkNames: async () => {},
    previewOffline: away,
    up: away,
    runWorker: away,
    openBackups: away,
    config: { check: away, show: away, get: away, schema: away },
    plugins: { list: away, check: away, actions: away, template: away, folder: away },
    doctor: away,
    forecast: away,
    openLedgerLog: async () => null,
    testChannels: away,
    openOutboxLog: async () => null,
    checkUpdates: away,
    openHealth: async () => null,
    askChecks: away,
    beat: away,
    findService: async (_settings, name) => serviceNamed(name),
    rehearse: away,
    guestBackups: away,
    serviceState: async () => ({ state: 'unknown', version: null, detail: '' }),
    ...rooms,
  };
}
