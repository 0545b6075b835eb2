/** Probes: questions whose answer tells whether a service works. The same for gates, drills and monitoring. */
import { z } from 'zod';
import { errorText } from '#kernel/errors.ts';
import { askCommand, CommandProbe } from '#sdk/probes/command.ts';
import { askContainer, ContainerProbe } from '#sdk/probes/container.ts';
import { askDns, DnsProbe } from '#sdk/probes/dns.ts';
import { askHttp, HttpProbe } from '#sdk/probes/http.ts';
import { askLog, LogProbe } from '#sdk/probes/log.ts';
import { askPing, PingProbe } from '#sdk/probes/ping.ts';
import { askProcess, ProcessProbe } from '#sdk/probes/process.ts';
import { ProbeResult } from '#sdk/probes/result.ts';
import type { Detour } from '#sdk/probes/route.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { askSystemd, SystemdProbe } from '#sdk/probes/systemd.ts';
import { askTcp, TcpProbe } from '#sdk/probes/tcp.ts';
import { type Look, type ProbeTiming, watch } from '#sdk/probes/watch.ts';
import type { Tools } from '#sdk/tools.ts';

export type { ProbeTiming };
export { ProbeResult };

/** One entry of a `validate:` list. */
export const Probe = z.discriminatedUnion('type', [
  HttpProbe,
  TcpProbe,
  DnsProbe,
  PingProbe,
  ProcessProbe,
  ContainerProbe,
  SystemdProbe,
  LogProbe,
  CommandProbe,
]);
export type Probe = z.output<typeof Probe>;

export interface Verdict {
  healthy: boolean;
  summary: string;
  probes: ProbeResult[];
}

/** Asks again until all probes are good and stay so, or until it is too late for that. */
export async function runProbes(tools: Tools, probes: readonly Probe[], timing: ProbeTiming): Promise<Verdict> {
  return verdictOf(await watch(async () => lookThrough(tools, probes), timing, tools), 'probe');
}

/** The same for what a plugin looks at itself, besides or instead of the user's probes. */
export async function watchProbes(
  tools: Pick<Tools, 'signal'>,
  timing: ProbeTiming,
  look: () => Promise<ProbeResult[]>,
): Promise<Verdict> {
  return verdictOf(await watch(async () => ({ results: await look(), began: '' }), timing, tools), 'probe');
}

/** Asks all probes once, at the same time. @param detour for those of http and tcp, when a copy is to be asked */
export async function lookThrough(tools: Tools, probes: readonly Probe[], detour?: Detour): Promise<Look> {
  const all = await Promise.all(probes.map(async (probe) => askOne(tools, probe, detour)));
  return { results: all.map(({ result }) => result), began: all.map(({ began }) => began).join() };
}

/** Asks once. A probe that cannot be asked is one that is not good. */
export async function runProbe(tools: Tools, probe: Probe): Promise<ProbeResult> {
  return (await askOne(tools, probe)).result;
}

/** What all results come to. @param thing what one of them is called */
export function verdictOf(probes: ProbeResult[], thing: string): Verdict {
  const bad = badIn(probes);
  if (probes.length === 0) return { healthy: true, summary: NOTHING, probes };
  const good = probes.length === 1 ? `1 ${thing} is good` : `all ${probes.length} ${thing}s are good`;
  const summary = bad.length === 0 ? good : bad.join('; ');
  return { healthy: bad.length === 0, summary, probes };
}

/** Each that is not good, in words. */
export function badIn(results: readonly Pick<ProbeResult, 'probe' | 'ok' | 'detail'>[]): string[] {
  return results.flatMap(({ probe, ok, detail }) => (ok ? [] : [`${probe}: ${detail}`]));
}

const NOTHING = 'no probes are configured, so nothing was checked';

async function askOne(tools: Tools, probe: Probe, detour?: Detour): Promise<{ result: ProbeResult; began: string }> {
  const started = performance.now();
  const seen = await ask(tools, probe, detour).catch(
    (error: unknown): Seen => ({ ok: false, detail: errorText(error) }),
  );
  const { began = '', ...told } = seen;
  const durationMs = Math.round(performance.now() - started);
  return { result: { probe: inWords(probe), ...told, durationMs }, began };
}

async function ask(tools: Tools, probe: Probe, detour?: Detour): Promise<Seen> {
  switch (probe.type) {
    case 'http':
      return askHttp(tools, probe, detour);
    case 'tcp':
      return askTcp(tools, probe, detour);
    case 'dns':
      return askDns(tools, probe);
    case 'ping':
      return askPing(tools, probe);
    case 'process':
      return askProcess(tools, probe);
    case 'container':
      return askContainer(tools, probe);
    case 'systemd':
      return askSystemd(tools, probe);
    case 'log':
      return askLog(tools, probe);
    case 'command':
      return askCommand(tools, probe);
  }
}

/** The probe in words, as messages and lists show it. */
export function inWords(probe: Probe): string {
  switch (probe.type) {
    case 'http':
      return `${probe.method} ${withoutQuery(probe.url)}${fromOutside(probe)}`;
    case 'tcp':
      return `connect to ${probe.host}:${probe.port}${fromOutside(probe)}`;
    case 'dns':
      return `${probe.record} of ${probe.name}${probe.resolver === undefined ? '' : ` from ${probe.resolver}`}`;
    case 'ping':
      return `ping ${probe.host}`;
    case 'process':
      return `process ${probe.match}${probe.user === undefined ? '' : ` of ${probe.user}`}`;
    case 'container':
      return `container ${probe.name}`;
    case 'systemd':
      return `unit ${probe.unit}`;
    case 'log':
      return `log of ${probe.container ?? probe.file}`;
    case 'command':
      return probe.command.join(' ');
  }
}

/** A query may hold a key. */
function withoutQuery(url: string): string {
  const start = url.indexOf('?');
  return start === -1 ? url : `${url.slice(0, start)}?…`;
}

function fromOutside({ external }: { external: unknown }): string {
  return external === false ? '' : ' from outside';
}
