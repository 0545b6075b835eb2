/** The rooms behind the command line, as it sees them. `rooms.ts` is the real thing, tests bring their own. */
import type { AskedCheck } from '#app/ask-checks.ts';
import type { Backups, BackupsOptions } from '#app/backup-types.ts';
import type { TestResult } from '#app/channels.ts';
import type { ScheduleView } from '#app/forecast.ts';
import type { GuestBackups } from '#app/guest-backups.ts';
import type { CheckView, HealthView, IncidentView, Uptimes } from '#app/health-view.ts';
import type { Rehearsal, RehearseWish } from '#app/rehearse/rehearse.ts';
import type { Settings } from '#app/settings.ts';
import type { SupervisorEvents } from '#app/supervisor.ts';
import type { UpdateReport } from '#app/update-check.ts';
import type { ConfigIssue, ServiceConfig } from '#config/types.ts';
import type {
  DrillView,
  EnqueueRequest,
  Preview,
  RemoteController,
  RestorePointView,
  RunsQuery,
} from '#engine/requests.ts';
import type { RunDetail, RunView } from '#engine/run.ts';
import type { ActionSchema } from '#host/kind-schemas.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { WorkerKind } from '#queue/names.ts';
import type { KindName } from '#sdk/contract.ts';
import type { LedgerLog } from '#store/ledger.ts';
import type { OutboxLog } from '#store/outbox.ts';

/** The state file, opened for reading while no controller answers. */
export interface History extends Disposable {
  runs(query: RunsQuery): RunView[];
  run(id: string): RunDetail;
  resolve(prefix: string): string;
  restorePoints(service?: string): RestorePointView[];
  lastDrills(): DrillView[];
}

/** What runs, once it runs. */
export interface Running {
  url: string | null;
  pids: Record<string, number>;
  /** What is not as it should be with a Redis that is not ours. */
  warnings: string[];
}

export interface LongRun {
  signal: AbortSignal;
  onReady(running: Running): void;
  events: SupervisorEvents;
}

export interface UpOptions extends LongRun {
  port?: number;
  ui: boolean;
}

export interface WorkerOptions extends LongRun {
  host: string;
  kinds: readonly WorkerKind[];
}

export interface ConfigCheck {
  file: string;
  errors: ConfigIssue[];
  warnings: ConfigIssue[];
}

export interface ConfigRoom {
  check(file: string | undefined): Promise<ConfigCheck>;
  /** The configuration in effect, with `***` for secrets; as YAML too. */
  show(file: string | undefined): Promise<{ effective: JsonObject; yaml: string }>;
  /** @throws AutopilotError HA_NOT_FOUND with the nearest key. */
  get(file: string | undefined, key: string): Promise<Json>;
  schema(file: string | undefined): Promise<JsonObject>;
}

export interface PluginFinding {
  kind: KindName;
  id: string;
  title: string;
  file: string;
  origin: 'built-in' | 'user';
}

export interface PluginsRoom {
  /** `config` is the main file whose `plugins.d/` is looked at too; built-in plugins alone when there is none. */
  list(file: string | undefined): Promise<{ plugins: PluginFinding[]; problems: { file: string; message: string }[] }>;
  check(folder: string): Promise<{ plugins: PluginFinding[]; problems: { file: string; message: string }[] }>;
  /** What a plugin of this kind can be asked. */
  actions(kind: string): Promise<ActionSchema[]>;
  /** The files of a new plugin: path below the plugin folder → text. */
  template(kind: string, name: string): Promise<Record<string, string>>;
  /** The `plugins.d/` of the configuration. */
  folder(file: string | undefined): Promise<string>;
}

export type FindingStatus = 'ok' | 'warning' | 'broken';

/** One line of `doctor`. */
export interface Finding {
  check: string;
  status: FindingStatus;
  detail: string;
  /** What to do about it; null when nothing is to be done. */
  next: string | null;
}

export type { AskedCheck, CheckView, IncidentView, Uptimes };

export interface ServiceState {
  state: 'up' | 'down' | 'unknown';
  version: string | null;
  detail: string;
}

export interface Rooms {
  loadSettings(options: { config?: string }): Promise<Settings>;
  connectController(settings: Settings): Promise<RemoteController>;
  openHistory(settings: Settings): Promise<History | null>;
  /** @throws AutopilotError HA_NOT_FOUND with the nearest name, when the configuration has no such workflow or service. */
  checkNames(settings: Settings, names: { workflow: string; services: readonly string[] }): Promise<void>;
  /** The plan from the configuration alone, when no controller answers: without durations. */
  previewOffline(settings: Settings, request: Omit<EnqueueRequest, 'id'>): Promise<Preview[]>;
  up(settings: Settings, options: UpOptions): Promise<void>;
  runWorker(settings: Settings, options: WorkerOptions): Promise<void>;
  /** For a blank machine: no configuration, but the built-in plugins. */
  bareSettings(): Promise<Settings>;
  /** `destination`: look at this one alone, and not at the state file. A path is a destination of its own. */
  openBackups(settings: Settings, options: BackupsOptions): Promise<Backups>;
  config: ConfigRoom;
  plugins: PluginsRoom;
  doctor(options: { config?: string; signal: AbortSignal }): Promise<Finding[]>;
  /** The schedules of the configuration, with what is due from `from` until `until`. */
  forecast(settings: Settings, coming: { from: Date; until: Date }): Promise<ScheduleView[]>;
  /** Null when this machine has no state file. */
  openLedgerLog(settings: Settings): Promise<(LedgerLog & Disposable) | null>;
  /** Sends a message now through one channel, or through all. @throws AutopilotError HA_NOT_FOUND with the nearest name. */
  testChannels(settings: Settings, options: { name: string | undefined; signal: AbortSignal }): Promise<TestResult[]>;
  /** Null when this machine has no state file. */
  openOutboxLog(settings: Settings): Promise<(OutboxLog & Disposable) | null>;
  /** Asks services what they run and registries what is newer. @throws AutopilotError HA_NOT_FOUND with the nearest name. */
  checkUpdates(
    settings: Settings,
    options: { services: readonly string[]; signal: AbortSignal },
  ): Promise<UpdateReport>;
  /** What monitoring knows. Null when this machine has no state file. */
  openHealth(settings: Settings, now: Date): Promise<HealthView | null>;
  /**
   * Has the workers ask the checks of these services now; of all when none is named.
   * @throws AutopilotError HA_NOT_FOUND with the nearest name, HA_REDIS_UNREACHABLE.
   */
  askChecks(settings: Settings, options: { services: readonly string[]; signal: AbortSignal }): Promise<AskedCheck[]>;
  /** A heartbeat reports. @throws AutopilotError HA_NOT_FOUND with the nearest name, HA_REDIS_UNREACHABLE. */
  beat(settings: Settings, name: string): Promise<void>;
  /** @throws AutopilotError HA_NOT_FOUND with the nearest name. */
  findService(settings: Settings, name: string): Promise<ServiceConfig>;
  /** Breaks the update of a copy in every way. @throws AutopilotError HA_USAGE for a service that cannot be copied. */
  rehearse(settings: Settings, wish: RehearseWish): Promise<Rehearsal>;
  /** Asks the service's own plugin, on this host; a service of another host is `unknown` here. */
  serviceState(settings: Settings, service: string): Promise<ServiceState>;
  /** Asks the hypervisor. @throws AutopilotError HA_USAGE for a service whose guest has none. */
  guestBackups(settings: Settings, service: string, signal: AbortSignal): Promise<GuestBackups>;
}
