/** Probes: questions whose answer tells whether a service works. The same for gates, drills and monitoring. */
import { z } from 'zod';
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { Command } from '#sdk/command.ts';
import { Duration, milliseconds } from '#sdk/duration.ts';
import { askCommand } from '#sdk/probes/command.ts';
import { askHttp } from '#sdk/probes/http.ts';
import { askProcess } from '#sdk/probes/process.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { askTcp } from '#sdk/probes/tcp.ts';
import type { Tools } from '#sdk/tools.ts';

export const ProbeResult = z.object({
  probe: z.string().describe('The probe in words: GET http://127.0.0.1:8090/healthz'),
  ok: z.boolean(),
  detail: z.string().describe('What was seen'),
  durationMs: z.number().nonnegative(),
});
export type ProbeResult = z.output<typeof ProbeResult>;

const timeout = Duration.default('10s').describe('How long one try may take');

/** One entry of a `validate:` list. */
export const Probe = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('http'),
    url: z.url({ protocol: /^https?$/, error: 'not an http or https address' }),
    status: z.int().min(100).max(599).default(200).describe('The status that the answer must have'),
    body_contains: z.string().min(1).optional().describe('A text that the answer must contain'),
    timeout,
  }),
  z.strictObject({
    type: z.literal('tcp'),
    host: z.string().min(1).default('127.0.0.1'),
    port: z.int().min(1).max(65_535),
    timeout,
  }),
  z.strictObject({
    type: z.literal('process'),
    match: z.string().min(1).describe('The program’s exact name, or a part of its command line'),
    user: z.string().min(1).optional().describe('The user that it must run as'),
    timeout,
  }),
  z.strictObject({ type: z.literal('command'), command: Command.describe('Good when it ends with status 0'), timeout }),
]);
export type Probe = z.output<typeof Probe>;

export interface ProbeTiming {
  /** How long the probes may take to turn good. */
  timeoutMs: number;
  /** How long they must then stay good. */
  stableForMs: number;
}

export interface Verdict {
  healthy: boolean;
  summary: string;
  probes: ProbeResult[];
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Asks again until all probes are good and stay so, or until it is too late for that. */
export async function runProbes(tools: Tools, probes: readonly Probe[], timing: ProbeTiming): Promise<Verdict> {
  return await watchProbes(tools, timing, async () => Promise.all(probes.map(async (probe) => runProbe(tools, probe))));
}

/** The same for what a plugin looks at itself, besides or instead of the user's probes. */
export async function watchProbes(
  tools: Pick<Tools, 'signal'>,
  timing: ProbeTiming,
  ask: () => Promise<ProbeResult[]>,
): Promise<Verdict> {
  const started = performance.now();
  let goodSince: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const asked = performance.now();
    const results = await ask();
    tools.signal.throwIfAborted();
    const bad = results.filter(({ ok }) => !ok);
    if (bad.length > 0) goodSince = undefined;
    else goodSince ??= asked;
    const now = performance.now();
    if (goodSince !== undefined && now - goodSince >= timing.stableForMs) return verdict(results);
    const late = now - started >= timing.timeoutMs;
    if (goodSince === undefined && late) return verdict(results);
    const left = goodSince === undefined ? started + timing.timeoutMs - now : goodSince + timing.stableForMs - now;
    await pause(Math.max(0, Math.min(pauseMs, left)), tools.signal);
  }
}

/** Asks once. A probe that cannot be asked is one that is not good. */
export async function runProbe(tools: Tools, probe: Probe): Promise<ProbeResult> {
  const started = performance.now();
  const seen = await askOnce(tools, probe).catch((error: unknown) => ({ ok: false, detail: errorText(error) }));
  return { probe: inWords(probe), ...seen, durationMs: Math.round(performance.now() - started) };
}

async function askOnce(tools: Tools, probe: Probe): Promise<Seen> {
  const timeoutMs = milliseconds(probe.timeout);
  switch (probe.type) {
    case 'http':
      return askHttp(tools, { ...probe, timeoutMs });
    case 'tcp':
      return askTcp(tools, { ...probe, timeoutMs });
    case 'process':
      return askProcess(tools, probe);
    case 'command':
      return askCommand(tools, { ...probe, timeoutMs });
  }
}

function inWords(probe: Probe): string {
  switch (probe.type) {
    case 'http':
      return `GET ${probe.url}`;
    case 'tcp':
      return `connect to ${probe.host}:${probe.port}`;
    case 'process':
      return `process ${probe.match}${probe.user === undefined ? '' : ` of ${probe.user}`}`;
    case 'command':
      return probe.command.join(' ');
  }
}

function verdict(probes: ProbeResult[]): Verdict {
  const bad = probes.filter(({ ok }) => !ok);
  const healthy = bad.length === 0;
  if (probes.length === 0) return { healthy, summary: 'no probes are configured, so nothing was checked', probes };
  const good = probes.length === 1 ? '1 probe is good' : `all ${probes.length} probes are good`;
  return {
    healthy,
    summary: healthy ? good : bad.map(({ probe, detail }) => `${probe}: ${detail}`).join('; '),
    probes,
  };
}
