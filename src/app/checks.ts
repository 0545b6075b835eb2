/** From the configuration to the checks of each host. */
import { refOf } from '#app/plugin-ref.ts';
import type { Config, ServiceConfig } from '#config/types.ts';
import { parseDuration } from '#kernel/duration.ts';
import { derivedId, shortId } from '#kernel/ids.ts';
import { canonicalJson } from '#kernel/json.ts';
import type { Check } from '#monitor/check.ts';
import { heartbeatId, RESOURCES, subjectId, wordOf } from '#monitor/check.ts';

/** Of a probe that says nothing of it. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** A platform that is busy may take its time; it tells more than a probe does. */
const HYPERVISOR_TIMEOUT_MS = 30_000;

export function checksOfConfig(config: Config): Check[] {
  if (!config.monitoring.enabled) return [];
  const ofServices = config.services.flatMap((service) => [
    ...checksOfService(service),
    ...heartbeatsOf(service, config),
  ]);
  // A host is watched for what runs on it: one that nothing is asked of may well be asleep.
  const hosts = [...new Set(ofServices.map(({ host }) => host))];
  return [...ofServices, ...hosts.flatMap((host) => checksOfHost(host, config)), ...checksOfHypervisors(config)];
}

export function checksOfService({ name, host, checks }: ServiceConfig): Check[] {
  const all = checks.map(({ probe, external, intervalMs, failureThreshold, successThreshold }): Check => {
    const { timeout, ...question } = probe;
    return {
      id: `${name}/${wordOf({ kind: 'probe', probe })}-${shortId(derivedId('probe', canonicalJson(question)))}`,
      subject: subjectId(external ? 'external' : 'service', name),
      host,
      ask: { kind: 'probe', probe },
      intervalMs,
      timeoutMs: (typeof timeout === 'string' ? parseDuration(timeout) : undefined) ?? DEFAULT_TIMEOUT_MS,
      failureThreshold,
      successThreshold,
    };
  });
  return [...new Map(all.map((check) => [check.id, check])).values()];
}

/** Silence is measured, so one look is enough to know of it. */
export function heartbeatsOf({ name: service, host, heartbeats }: ServiceConfig, { monitoring }: Config): Check[] {
  return heartbeats.map(({ name, everyMs }) => ({
    id: heartbeatId(name),
    subject: subjectId('service', service),
    host,
    ask: { kind: 'heartbeat', name, everyMs },
    intervalMs: Math.min(monitoring.intervalMs, everyMs),
    timeoutMs: monitoring.timeoutMs,
    failureThreshold: 1,
    successThreshold: 1,
  }));
}

function checksOfHost(host: string, { monitoring }: Config): Check[] {
  return RESOURCES.flatMap((resource): Check[] => {
    const limit = monitoring.resources[resource];
    if (limit === null) return [];
    const name = `${host}/${resource}`;
    return [
      {
        id: `host ${name}`,
        subject: subjectId('resource', name),
        host,
        ask: { kind: 'resource', resource, limit },
        intervalMs: monitoring.intervalMs,
        timeoutMs: monitoring.timeoutMs,
        failureThreshold: monitoring.failureThreshold,
        successThreshold: monitoring.successThreshold,
      },
    ];
  });
}

/** Those that something that is watched runs on: asked by the first host that reaches them. */
function checksOfHypervisors({ hypervisors, services, monitoring }: Config): Check[] {
  const used = new Set(services.flatMap(({ guest, checks }) => (checks.length === 0 ? [] : (guest?.hypervisor ?? []))));
  return hypervisors
    .filter(({ name }) => used.has(name))
    .flatMap((hypervisor): Check[] => {
      const {
        name,
        hosts: [host],
      } = hypervisor;
      if (host === undefined) return [];
      return [
        {
          id: `hypervisor ${name}`,
          subject: subjectId('hypervisor', name),
          host,
          ask: { kind: 'hypervisor', plugin: refOf('hypervisor', hypervisor) },
          intervalMs: monitoring.intervalMs,
          timeoutMs: HYPERVISOR_TIMEOUT_MS,
          failureThreshold: monitoring.failureThreshold,
          successThreshold: monitoring.successThreshold,
        },
      ];
    });
}

/** Every host of the configuration, with nothing for those that check nothing. */
export function byHost(checks: readonly Check[], hosts: readonly string[]): Map<string, Check[]> {
  // The controller listens for heartbeats itself.
  const asked = checks.filter(({ ask }) => ask.kind !== 'heartbeat');
  return new Map(hosts.map((host) => [host, asked.filter((check) => check.host === host)]));
}
