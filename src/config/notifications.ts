/** The `notifications:` section: channels, and which events go to which of them. */
import { z } from 'zod';
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { clockTime, duration, instanceName } from '#config/fields.ts';
import { instanceSchema, isObject, pick, readInstance } from '#config/instances.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { addError, type Path } from '#config/issues.ts';
import { child, locate } from '#config/locate.ts';
import { prepare } from '#config/prepare.ts';
import { compileSchedule } from '#config/schedule.ts';
import { ChannelCore } from '#config/schema.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { NotificationRoute, NotificationsConfig, PluginInstance, ReportConfig } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import { EVENTS, matchesEvent } from '#sdk/events.ts';

const DAY_MS = 86_400_000;

const QuietHours = z.object({
  start: clockTime().describe('When they begin, in global.timezone: "22:00"'),
  duration: duration()
    .refine((ms) => ms > 0 && ms < DAY_MS, { message: 'must be more than 0s and less than 1d' })
    .describe('How long they last; what happens in them is told in one message when they end'),
});

const Route = z.object({
  events: z
    .array(z.string())
    .min(1)
    .describe(`Which events: ${EVENTS.join(', ')}; "*" stands for any letters, as in "*_failed"`),
  services: z.array(z.string()).min(1).optional().describe('Of these services alone. Default: all'),
  channels: z.array(z.string()).min(1).describe('Names of the channels that are told'),
  quiet_hours: QuietHours.optional().describe('When these channels are not to be disturbed'),
});

const Report = z.object({
  schedule: z.string().describe('When: cron with 5 or 6 fields, or @daily, @weekly and the like, in global.timezone'),
  channels: z.array(z.string()).min(1).describe('Names of the channels that get it'),
});

/** The keys of the section; `channels` are read one by one, each with its plugin's own keys. */
export const Notifications = z.object({
  cooldown: duration()
    .prefault('30m')
    .describe('After a message, others of the same event of the same service are held back for so long, and counted'),
  routes: z
    .array(Route)
    .meta({ expects: 'a list of routes' } satisfies FieldNotes)
    .optional()
    .describe(
      'Default: every channel is told of "*_failed", "*_warning", schedule_missed, needs_attention, service_down and service_recovered',
    ),
  report: Report.optional().describe('A regular report of what went well, what did not, and what waits'),
});

const DEFAULT_EVENTS = [
  '*_failed',
  '*_warning',
  'schedule_missed',
  'needs_attention',
  'service_down',
  'service_recovered',
];

export interface NotificationSurroundings {
  catalog: PluginCatalog;
  /** Names of all services, also of those that are wrong. */
  services: readonly string[];
  timezone: string;
}

export function compileNotifications(
  section: Section,
  around: NotificationSurroundings,
): { config: NotificationsConfig; effective: JsonObject } {
  const whole = Notifications.extend({ channels: z.record(instanceName(), z.unknown()).prefault({}) });
  const prepared = prepare(whole, section);
  const value = check(whole, prepared, { section });
  const channels = compileChannels(section, around.catalog);
  const config = {
    cooldownMs: value?.cooldown ?? 0,
    channels: channels.instances,
    routes: value?.routes?.map(compileRoute) ?? everywhere(channels.names),
    report: compileReport(value?.report, section, { channels: channels.names, timezone: around.timezone }),
  };
  checkRoutes(value?.routes ?? [], section, { channels: channels.names, services: around.services });
  const rest = defaulted(Notifications, isObject(prepared) ? pick(prepared, ['cooldown', 'routes', 'report']) : {});
  const effective = { ...(isObject(rest) ? rest : {}), channels: channels.effective };
  return { config, effective };
}

/** The names also of those that are wrong, so that a route to one is not called wrong as well. */
function compileChannels(
  { node: root, ...section }: Section,
  catalog: PluginCatalog,
): { instances: PluginInstance[]; names: string[]; effective: JsonObject } {
  const node = child(root, 'channels');
  const instances: PluginInstance[] = [];
  const effective: JsonObject = {};
  const entries = node?.kind === 'map' ? [...node.entries] : [];
  for (const [name, entry] of entries) {
    const path = [...section.path, 'channels', name];
    const inside = { ...section, node: entry.node, path, name: `${section.name}.channels.${name}` };
    const read = readInstance({ kind: 'notification', core: ChannelCore, catalog }, inside);
    if (read?.core === undefined || read.config === undefined) continue;
    instances.push({ name, type: read.core.type, config: read.config });
    effective[name] = defaulted(instanceSchema(read.plugin, ChannelCore), read.prepared) ?? {};
  }
  return { instances, names: entries.map(([name]) => name), effective };
}

function compileReport(
  report: z.output<typeof Report> | undefined,
  section: Section,
  { channels, timezone }: { channels: readonly string[]; timezone: string },
): ReportConfig | null {
  const node = child(section.node, 'report');
  if (report === undefined || node === undefined) return null;
  const inside = { ...section, node, path: [...section.path, 'report'], name: `${section.name}.report` };
  for (const [i, name] of report.channels.entries()) {
    if (!channels.includes(name)) reportUnknownChannel(inside, ['channels', i], { name, known: channels });
  }
  const schedule = compileSchedule(report.schedule, { section: inside, inherited: false }, timezone);
  return schedule === null ? null : { schedule, channels: [...new Set(report.channels)] };
}

function reportUnknownChannel(section: Section, path: Path, about: { name: string; known: readonly string[] }): void {
  const problem = unknown('channel', about.name, about.known);
  addError(section.report, { at: locate(section.node, path).at, path: fullPath({ section, path }), ...problem });
}

function compileRoute(route: z.output<typeof Route>): NotificationRoute {
  const { events, services, channels, quiet_hours: quiet } = route;
  const [hour = '', minute = ''] = quiet?.start.split(':') ?? [];
  const quietHours =
    quiet === undefined ? null : { hour: Number(hour), minute: Number(minute), durationMs: quiet.duration };
  return { events, services: services ?? null, channels: [...new Set(channels)], quietHours };
}

function everywhere(channels: string[]): NotificationRoute[] {
  return channels.length === 0 ? [] : [{ events: DEFAULT_EVENTS, services: null, channels, quietHours: null }];
}

function checkRoutes(
  routes: readonly z.output<typeof Route>[],
  section: Section,
  known: { channels: readonly string[]; services: readonly string[] },
): void {
  const report = (path: Path, problem: { message: string; suggestion?: string | undefined }) =>
    addError(section.report, { at: locate(section.node, path).at, path: fullPath({ section, path }), ...problem });
  for (const [index, { events, services = [], channels }] of routes.entries()) {
    for (const [i, event] of events.entries()) {
      const problem = eventProblem(event);
      if (problem !== undefined) report(['routes', index, 'events', i], problem);
    }
    for (const [i, name] of channels.entries()) {
      if (!known.channels.includes(name))
        report(['routes', index, 'channels', i], unknown('channel', name, known.channels));
    }
    for (const [i, name] of services.entries()) {
      if (!known.services.includes(name))
        report(['routes', index, 'services', i], unknown('service', name, known.services));
    }
  }
}

/** A route that could never be taken is a mistake: somebody would rely on it. */
function eventProblem(pattern: string): { message: string; suggestion?: string | undefined } | undefined {
  if (EVENTS.some((event) => matchesEvent(pattern, event))) return undefined;
  return unknown('event', pattern, EVENTS);
}

function unknown(
  what: string,
  name: string,
  known: readonly string[],
): { message: string; suggestion: string | undefined } {
  const list = known.length === 0 ? 'none are configured' : `known: ${known.join(', ')}`;
  return { message: `unknown ${what} "${name}" (${list})`, suggestion: nearest(name, known) };
}
