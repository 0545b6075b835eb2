/** From a request to plans: gathers the facts of the configuration and hands them to the workflow. */
import { z } from 'zod';
import type { Absences } from '#app/absences.ts';
import { checkSettings } from '#app/check-settings.ts';
import { ARCHIVE, refOf } from '#app/plugin-ref.ts';
import type { Settings } from '#app/settings.ts';
import { explain } from '#config/explain.ts';
import { asJson, isObject } from '#config/instances.ts';
import type { BackupConfig, Config, HypervisorConfig, ServiceConfig } from '#config/types.ts';
import type { RestorePointView } from '#engine/requests.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { derivedId } from '#kernel/ids.ts';
import { canonicalJson, type JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import type { Kind, Plugin } from '#sdk/contract.ts';
import { archive, Compression } from '#sdk/kinds/archive.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import { service } from '#sdk/kinds/service.ts';
import type { Plan } from '#sdk/plan.ts';
import { Retention } from '#sdk/retention.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { PlanContext, Workflow } from '#sdk/workflow.ts';
import { handle } from '#sdk/workflow.ts';
import type { History } from '#store/history.ts';

/** The services that a request names, or all that are meant for the workflow. */
export function chosenServices(
  config: Config,
  { section }: Pick<Workflow, 'section'>,
  request: { services: string[]; all: boolean },
): ServiceConfig[] {
  if (request.all) return config.services.filter((service) => isMeant(service, section));
  if (request.services.length === 0) {
    throw new AutopilotError('HA_USAGE', 'no service is named', { next: 'Name one or more services, or say --all' });
  }
  return [...new Set(request.services)].map((name) => serviceNamed(config, name));
}

function isMeant({ backup, update, heal }: ServiceConfig, section: Workflow['section']): boolean {
  if (section === 'heal') return heal !== null;
  return backup !== null && (section === 'backup' || update.wanted);
}

export function serviceNamed(config: Config, name: string): ServiceConfig {
  const found = config.services.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  const names = config.services.map((candidate) => candidate.name);
  const guess = nearest(name, names);
  throw new AutopilotError('HA_NOT_FOUND', `there is no service "${name}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${names.join(', ') || 'none yet'}`,
  });
}

function refusedInput(
  { name, input }: Workflow,
  value: JsonObject,
  issues: readonly z.core.$ZodIssue[],
): AutopilotError {
  const what = issues.flatMap((issue) =>
    explain(issue, { schema: input, value, shown: true }).map(({ path, message }) =>
      issue.code === 'unrecognized_keys' ? message : `${path.join('.')}: ${message}`,
    ),
  );
  return new AutopilotError('HA_USAGE', `--input for ${name}: ${what.join('; ')}`, {
    next: `It takes: ${Object.keys(input.shape).join(', ') || 'no input'}`,
  });
}

/** What plans are made from: the configuration, what the history knows, and which hosts can reach hypervisors now. */
export interface Planner {
  settings: Pick<Settings, 'config' | 'catalog'>;
  restorePoints(service: string): RestorePointView[];
  decisions(service: string): Decision[];
  /** Whether a worker for hypervisors is there on a host. */
  servesHypervisors(host: string): boolean;
}

/** Where a controller has these facts. */
export interface PlannerPorts {
  settings: Planner['settings'];
  history: Pick<History, 'restorePoints' | 'decisions'>;
  absences: Pick<Absences, 'servesHypervisors'>;
}

export function createPlanner({ settings, history, absences }: PlannerPorts): Planner {
  return {
    settings,
    restorePoints: (service) => history.restorePoints(service),
    decisions: (service) => history.decisions(service),
    servesHypervisors: absences.servesHypervisors,
  };
}

/**
 * Makes the plan of one run. The same facts, workflow, run id and input always give the same plan.
 * @throws AutopilotError HA_USAGE for input that the workflow does not take, HA_CONFIG_INVALID for a missing section.
 */
export function makePlan(
  planner: Planner,
  workflow: Workflow,
  request: { run: string; service: ServiceConfig; input: JsonObject },
): Plan {
  const input = workflow.input.strict().safeParse(request.input);
  if (!input.success) throw refusedInput(workflow, request.input, input.error.issues);
  const { service: target } = request;
  return {
    format: 1,
    workflow: workflow.name,
    service: target.name,
    host: target.host,
    changes: workflow.changes,
    root: workflow.plan(contextOf(planner, workflow, { target, run: request.run }), input.data),
  };
}

function contextOf(
  planner: Planner,
  { section }: Workflow,
  { target, run }: { target: ServiceConfig; run: string },
): PlanContext {
  const { config, catalog } = planner.settings;
  const { update } = target;
  const backup = target.backup ?? (section === 'heal' ? withoutBackup(config) : null);
  if (backup === null) {
    throw new AutopilotError('HA_CONFIG_INVALID', `service "${target.name}" has no backup section`, {
      next: `Add  backup: { paths: […] }  to it in ${config.file}`,
    });
  }
  const place = { host: target.host, timeoutMs: backup.timeoutMs };
  const plugin = catalog.find('service', target.type);
  const lacks = lackedBy(service, plugin);
  const whole = plugin?.wholeRollback === true;
  const instances = backup.destinations.map((name) => {
    const found = config.destinations.find((candidate) => candidate.name === name);
    if (found === undefined) throw new AutopilotError('HA_CONFIG_INVALID', `there is no destination "${name}"`);
    return found;
  });
  return {
    run: {
      id: run,
      restorePoint: derivedId('restore-point', run),
      replaced: derivedId('replaced', run),
      snapshot: `autopilot-${derivedId('snapshot', run)}`,
    },
    guest: guestOf(planner, target, backup.timeoutMs),
    service: handle(service.actions, refOf('service', target), { ...place, lacks, whole }),
    watched: handle(service.actions, refOf('service', withChecks(target, plugin)), { ...place, lacks, whole }),
    archive: handle(archive.actions, ARCHIVE, place),
    backup: {
      destinations: instances.map((one) => handle(destination.actions, refOf('destination', one), place)),
      retention: backup.retention,
      compression: backup.compression,
      encryption: backup.encryption,
      shared: instances.some(({ type }) => catalog.find('destination', type)?.deduplicates === true),
      timeoutMs: backup.timeoutMs,
      databases: hasDatabases(target),
      drill: backup.drill,
      guest: backup.guest,
    },
    change: {
      gate: update.gate,
      rollback: update.rollback,
      policy: asJson(checkSettings(config, target, planner.decisions(target.name))),
    },
    restorePoints: planner
      .restorePoints(target.name)
      .map(({ id, createdAt, purpose, sizeBytes }) => ({ id, createdAt, purpose, sizeBytes }))
      .sort((a, b) => (a.createdAt > b.createdAt ? -1 : 1)),
  };
}

/** What a plan goes by that makes no set, and looks at none. */
function withoutBackup({ global }: Config): Pick<BackupConfig, PlannedBackup> {
  return {
    destinations: [],
    retention: Retention.parse({}),
    compression: Compression.parse({}),
    encryption: { recipients: [], identity: null },
    timeoutMs: global.timeoutMs,
    guest: null,
    drill: {
      destination: null,
      maxBytes: 0,
      timeoutMs: global.timeoutMs,
      databases: true,
      probes: true,
      guest: null,
      schedule: null,
      ping: null,
    },
  };
}

type PlannedBackup = 'destinations' | 'retention' | 'compression' | 'encryption' | 'timeoutMs' | 'drill' | 'guest';

/** What monitoring asks of the service itself is asked of it by its plugin too, where that takes such probes. */
function withChecks(target: ServiceConfig, plugin: Plugin | undefined): ServiceConfig {
  const { checks, config } = target;
  const { validate } = config;
  if (!Array.isArray(validate)) return target;
  const own = checks.flatMap(({ probe, external }) => (external ? [] : [probe]));
  const all = [...new Map([...validate, ...own].map((probe) => [canonicalJson(probe), probe])).values()];
  const taken = plugin?.config.shape['validate'];
  const takesAll = taken instanceof z.ZodType && taken.safeParse(all).success;
  return takesAll ? { ...target, config: { ...config, validate: all } } : target;
}

/** By the keys of the service's plugin: one that takes databases calls them so. */
function hasDatabases({ config }: ServiceConfig): boolean {
  const { backup } = config;
  const databases = isObject(backup) ? backup['databases'] : undefined;
  return Array.isArray(databases) && databases.length > 0;
}

function guestOf(planner: Planner, { guest, host: home }: ServiceConfig, timeoutMs: number): PlanContext['guest'] {
  if (guest === null) return null;
  const { config, catalog } = planner.settings;
  const found = config.hypervisors.find(({ name }) => name === guest.hypervisor);
  if (found === undefined)
    throw new AutopilotError('HA_CONFIG_INVALID', `there is no hypervisor "${guest.hypervisor}"`);
  const lacks = lackedBy(hypervisor, catalog.find('hypervisor', found.type));
  const host = reachedFrom(planner, found, home);
  return {
    id: guest.id,
    hypervisor: handle(hypervisor.actions, refOf('hypervisor', found), { host, timeoutMs, lacks }),
  };
}

/** One host for the whole run, so that no two workers change a guest. The service's own goes first, then as listed. */
function reachedFrom(planner: Planner, { hosts }: HypervisorConfig, home: string): string {
  const ordered = [...hosts].sort((a, b) => Number(b === home) - Number(a === home));
  return ordered.find((host) => planner.servesHypervisors(host)) ?? ordered[0] ?? home;
}

function lackedBy({ actions }: Kind, plugin: Plugin | undefined): Set<string> {
  return new Set(Object.keys(actions).filter((action) => plugin?.actions[action] === undefined));
}
