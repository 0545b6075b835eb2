/** The compiled configuration: what every room past the boundary sees. Nothing in it is optional or a string to parse. */
import type { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import type { ScheduleRules } from '#schedule/rules.ts';
import type { Encryption } from '#sdk/encryption.ts';
import type { GuestBackupRules, GuestDrillRules } from '#sdk/guest-backup.ts';
import type { HealRules } from '#sdk/heal.ts';
import type { Compression } from '#sdk/kinds/archive.ts';
import type { RegistriesSettings } from '#sdk/registry/settings.ts';
import type { Retention } from '#sdk/retention.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { Policy } from '#sdk/versions/settings.ts';
import type { ChangeFacts } from '#sdk/workflow.ts';

export interface Config {
  /** The main file's absolute path. */
  file: string;
  global: {
    name: string;
    timezone: string;
    /** This machine's name among `hosts`. */
    host: string;
    stateDir: string;
    logDir: string;
    logLevel: 'debug' | 'info' | 'warn' | 'error';
    priority: Priority;
    /** Time limit of a step that names none, in milliseconds. */
    timeoutMs: number;
    parallelism: { backups: number; updates: number };
  };
  /** Null: a private Redis is started and supervised. */
  redis: { url: SecretRef } | null;
  /** All hosts that a service may name, this one included. */
  hosts: string[];
  hypervisors: HypervisorConfig[];
  destinations: PluginInstance[];
  notifications: NotificationsConfig;
  monitoring: MonitoringConfig;
  /** What opens encrypted sets of services that are not in the file any more: the defaults' `encryption.identity`. */
  identity: SecretRef | null;
  /** Registries of images, by host. */
  registries: RegistriesSettings;
  services: ServiceConfig[];
  /** Where the user's own plugins are, whether it exists or not. */
  pluginDir: string;
  warnings: ConfigIssue[];
}

export interface Priority {
  nice: number;
  ionice: 'idle' | 'best-effort' | 'none';
}

export interface PluginInstance {
  name: string;
  type: string;
  /** Validated by the plugin's schema, defaults filled in; secrets are references. */
  config: JsonObject;
}

export interface HypervisorConfig extends PluginInstance {
  /** The hosts whose workers reach it, at least one. */
  hosts: string[];
}

export interface NotificationsConfig {
  cooldownMs: number;
  channels: PluginInstance[];
  routes: NotificationRoute[];
  /** Null: no regular report is made. */
  report: ReportConfig | null;
}

export interface ReportConfig {
  schedule: ScheduleRules;
  channels: string[];
}

export interface NotificationRoute {
  /** Names of events, or patterns such as `*_failed`. */
  events: string[];
  /** Null: all services. */
  services: string[] | null;
  channels: string[];
  /** Each day from this time of the clock on, in `global.timezone`. */
  quietHours: { hour: number; minute: number; durationMs: number } | null;
}

export interface MonitoringConfig {
  enabled: boolean;
  /** What holds for each check that says nothing of its own. */
  intervalMs: number;
  timeoutMs: number;
  failureThreshold: number;
  successThreshold: number;
  /** Null: what is still down is not told again. */
  reminderMs: number | null;
  /** From which value on it is told, in percent; `load` is for each core. Null: not watched. */
  resources: Record<'disk' | 'inodes' | 'memory' | 'swap' | 'load', number | null>;
  /** The way by which probes are asked from outside, as `Route` of the sdk reads it. Null: there is none. */
  outside: JsonObject | null;
}

export interface ServiceCheck {
  /** As `Probe` of the sdk reads it. */
  probe: JsonObject;
  /** Whether it tells of the way to the service from outside. */
  external: boolean;
  intervalMs: number;
  failureThreshold: number;
  successThreshold: number;
}

/** Something that reports by itself. */
export interface HeartbeatConfig {
  /** By which it reports; no two have the same. */
  name: string;
  everyMs: number;
}

export interface ServiceConfig extends PluginInstance {
  host: string;
  /** Names of the services that this one needs; there is no circle among them. */
  dependsOn: string[];
  /** The guest that it runs in; null when it names none. */
  guest: { hypervisor: string; id: string } | null;
  /** How it is watched; empty when nothing tells whether it works. */
  checks: ServiceCheck[];
  heartbeats: HeartbeatConfig[];
  /** Null: nobody but a person restarts it. */
  heal: HealRules | null;
  /** Null when the service has no `backup:` section and no defaults apply. */
  backup: BackupConfig | null;
  update: UpdateConfig;
}

/** A dead-man's switch outside, of one schedule. */
export interface PingConfig {
  url: SecretRef;
  /** Whether the address may be of this machine or of a private network. */
  allowPrivate: boolean;
}

export interface UpdateConfig {
  /** Whether the service has an `update:` section of its own: defaults alone update nothing. */
  wanted: boolean;
  /** Null when nothing is updated by itself. */
  schedule: ScheduleRules | null;
  /** Null: nobody outside is told of runs of the schedule. */
  ping: PingConfig | null;
  policy: Policy;
  minAgeMs: number;
  /** Regular expressions: one for all images, or one for some parts of the service. */
  tags: string | Record<string, string> | null;
  gate: { timeoutMs: number; stableForMs: number };
  rollback: ChangeFacts['rollback'];
}

export interface BackupConfig {
  schedule: ScheduleRules | null;
  ping: PingConfig | null;
  /** Names of destinations, at least one. */
  destinations: string[];
  compression: z.output<typeof Compression>;
  /** For whom new sets are encrypted, none when they are not, and what opens them again. */
  encryption: Encryption;
  retention: Retention;
  timeoutMs: number;
  /** Of the whole guest, by its platform; null: none is made. */
  guest: GuestBackupRules | null;
  drill: DrillConfig;
}

export interface DrillConfig {
  /** Null when nothing is drilled by itself. */
  schedule: ScheduleRules | null;
  ping: PingConfig | null;
  /** Null: the first of the destinations. */
  destination: string | null;
  maxBytes: number;
  timeoutMs: number;
  /** Whether dumps are loaded into servers of the drill's own. */
  databases: boolean;
  /** Whether the service's probes are asked of a copy that is started. */
  probes: boolean;
  /** Of backups of the whole guest; null: they are not tried. */
  guest: GuestDrillRules | null;
}

/** One thing that is wrong (or, as a warning, odd) in a configuration file. Lines and columns count from 1. */
export interface ConfigIssue {
  file: string;
  line: number;
  column: number;
  /** `services[3].backup.retention.keep_dayly` */
  path: string;
  message: string;
  suggestion?: string;
}
