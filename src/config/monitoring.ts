/** The `monitoring:` section, and what a service says of it under `monitor:`. */
import { z } from 'zod';
import { check } from '#config/check.ts';
import { duration, timeLimit } from '#config/fields.ts';
import { Heartbeat } from '#config/heartbeats.ts';
import { asJson, isObject, pick } from '#config/instances.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { addError } from '#config/issues.ts';
import { child, locate } from '#config/locate.ts';
import { settleProbes } from '#config/outside.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { MonitoringConfig, ServiceCheck } from '#config/types.ts';
import { formatDuration, parseDuration } from '#kernel/duration.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { Duration, milliseconds } from '#sdk/duration.ts';
import { CommandProbe } from '#sdk/probes/command.ts';
import { Route } from '#sdk/probes/route.ts';
import { Probe } from '#sdk/probes.ts';

/** Asked more often, checks would be a load of their own. */
const SHORTEST_INTERVAL_MS = 1_000;

const Interval = timeLimit().refine((ms) => ms >= SHORTEST_INTERVAL_MS, { message: 'must be at least 1s' });
const Threshold = z.int().min(1).max(100);
const Percent = z.int().min(1).max(100);

/** What of a host is watched, and from which value on it is told. */
const Resources = z
  .object({
    disk_used_percent: Percent.nullable().default(90).describe('Of each local file system; null: not watched'),
    inodes_used_percent: Percent.nullable().default(90).describe('Of each local file system; null: not watched'),
    memory_used_percent: Percent.nullable().default(95).describe('What programs could not get; null: not watched'),
    swap_used_percent: Percent.nullable().default(null).describe('null: not watched'),
    load_per_core: z
      .number()
      .positive()
      .max(1_000)
      .nullable()
      .default(null)
      .describe('The load average of five minutes for each core; null: not watched'),
  })
  .describe('What is told of each host whose services are checked');

export const Monitoring = z.object({
  enabled: z.boolean().default(true).describe('Set to false to check nothing'),
  interval: Interval.prefault('60s').describe('How often each check is made'),
  timeout: timeLimit().prefault('10s').describe('How long a check of `monitor:` may take that says nothing of its own'),
  failure_threshold: Threshold.default(3).describe('After so many bad checks in a row it is down'),
  success_threshold: Threshold.default(2).describe('After so many good checks in a row it is up again'),
  reminder_interval: duration()
    .nullable()
    .prefault('6h')
    .describe('What is still down is told again after this long; null: never'),
  resources: Resources.prefault({}),
  outside: Route.optional().describe(
    'The way by which probes with `external: true` are asked from outside: a proxy that stands there',
  ),
});

/** What a check says besides its probe. */
export const CHECK_KEYS = {
  interval: Interval.optional().describe('Default: monitoring.interval'),
  failure_threshold: Threshold.optional().describe('Default: monitoring.failure_threshold'),
  success_threshold: Threshold.optional().describe('Default: monitoring.success_threshold'),
};
const EXTERNAL = {
  external: z
    .boolean()
    .default(false)
    .describe('The command itself looks from outside, and tells whether the service can be reached from there'),
};

type ProbeForm = z.ZodObject<{ type: z.ZodLiteral<string> }>;

/** The forms of a probe, each with what a check says besides. */
const forms = Probe.options.map((form) => {
  const known: ProbeForm = form;
  return known.safeExtend({ ...(form === CommandProbe ? EXTERNAL : {}), ...CHECK_KEYS });
});

type Form = (typeof forms)[number];

/** One entry of a service's `monitor:` list. */
const MonitorEntry = z.discriminatedUnion('type', [...(forms as [Form, ...Form[]]), Heartbeat]);

/** The key of a service. */
export const MonitorList = z
  .array(MonitorEntry)
  .optional()
  .meta({ expects: 'a list of probes' } satisfies FieldNotes)
  .describe('How it is watched: probes as in `validate`, and heartbeats. Default: those of `validate`');

export function compileMonitoring(value: Json, section: Section): MonitoringConfig {
  const read = check(Monitoring, value, { section });
  if (read !== undefined) return compiled(read);
  // What is wrong has been told; what needs a way outside is not told that there is none.
  return { ...DEFAULT_MONITORING, outside: child(section.node, 'outside') === undefined ? null : {} };
}

function compiled(read: z.output<typeof Monitoring>): MonitoringConfig {
  const { resources } = read;
  return {
    enabled: read.enabled,
    intervalMs: read.interval,
    timeoutMs: read.timeout,
    failureThreshold: read.failure_threshold,
    successThreshold: read.success_threshold,
    reminderMs: read.reminder_interval,
    resources: {
      disk: resources.disk_used_percent,
      inodes: resources.inodes_used_percent,
      memory: resources.memory_used_percent,
      swap: resources.swap_used_percent,
      load: resources.load_per_core,
    },
    outside: read.outside === undefined ? null : asJson(read.outside),
  };
}

/** What holds where nothing is said. */
export const DEFAULT_MONITORING = compiled(Monitoring.parse({}));

/** What a check says besides its probe, as it is read; the probe's own time limit stays a text. */
const Timing = z.object({
  interval: z.number().optional(),
  failure_threshold: z.number().optional(),
  success_threshold: z.number().optional(),
  timeout: Duration.transform(milliseconds),
});

/** @param service as written, what its plugin takes of it, and where it stands. */
export function checksOf(
  service: { prepared: JsonObject; config: JsonObject; section: Section },
  monitoring: MonitoringConfig,
): ServiceCheck[] {
  const { section } = service;
  const written = service.prepared['monitor'];
  if (written === undefined) return plain(service.config['validate'], monitoring);
  const own = settleProbes('monitor', written, { section, outside: monitoring.outside });
  const entries = Array.isArray(own) ? own.filter(isObject) : [];
  return entries.flatMap((entry, index) => {
    // Nobody asks it.
    if (entry['type'] === 'heartbeat') return [];
    const every = entry['interval'];
    const asked = typeof every === 'string' ? parseDuration(every) : undefined;
    const limit = Math.min(monitoring.timeoutMs, asked ?? monitoring.intervalMs);
    const whole = MonitorEntry.safeParse({ timeout: formatDuration(limit), ...entry });
    if (!whole.success) return [];
    const { interval: intervalMs = monitoring.intervalMs, timeout, ...thresholds } = Timing.parse(whole.data);
    if (timeout > intervalMs) tellTooLong(section, index);
    const parts = asJson(whole.data);
    const probe = pick(parts, probeKeys(whole.data.type));
    // What a probe says of its keys together is said of it here as well.
    if (check(Probe, probe, { section: entryOf(service.section, index) }) === undefined) return [];
    return {
      probe,
      external: parts['external'] !== undefined && parts['external'] !== false,
      intervalMs,
      failureThreshold: thresholds.failure_threshold ?? monitoring.failureThreshold,
      successThreshold: thresholds.success_threshold ?? monitoring.successThreshold,
    };
  });
}

function entryOf(section: Section, index: number): Section {
  const node = child(child(section.node, 'monitor'), index) ?? section.node;
  return { ...section, node, path: [...section.path, 'monitor', index], name: `${section.name}.monitor[${index}]` };
}

function probeKeys(type: string): string[] {
  const form = Probe.options.find(({ shape }) => shape.type.safeParse(type).success);
  return Object.keys(form?.shape ?? {});
}

/** The probes of a gate say nothing of how often they are asked. */
function plain(validate: Json | undefined, monitoring: MonitoringConfig): ServiceCheck[] {
  const probes = z.array(Probe).safeParse(validate ?? []);
  if (!probes.success) return [];
  return probes.data.map((probe) => ({
    probe: asJson(probe),
    external: 'external' in probe && probe.external !== false,
    intervalMs: monitoring.intervalMs,
    failureThreshold: monitoring.failureThreshold,
    successThreshold: monitoring.successThreshold,
  }));
}

/** A check that takes longer than until its next one would never have a say of its own. */
function tellTooLong(section: Section, index: number): void {
  const path = ['monitor', index, 'timeout'];
  const message = 'the timeout is longer than the interval: it would be asked again before it has answered';
  addError(section.report, { at: locate(section.node, path).at, path: fullPath({ section, path }), message });
}
