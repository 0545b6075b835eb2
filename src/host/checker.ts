/** Makes single checks on this machine: asks a probe, or reads how full something is. */
import { performAction } from '#host/perform.ts';
import type { HostPorts, StepVoice } from '#host/ports.ts';
import { readResource } from '#host/resources.ts';
import { openScratch } from '#host/scratch.ts';
import { createTools } from '#host/tools.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { Check, Finding } from '#monitor/check.ts';
import { wordOf } from '#monitor/check.ts';
import { hypervisor as kind } from '#sdk/kinds/hypervisor.ts';
import type { PluginRef } from '#sdk/plan.ts';
import { Probe, runProbe } from '#sdk/probes.ts';

/** A probe keeps its own time; one that does not is not waited for longer than this (milliseconds). */
const PATIENCE_MS = 2_000;

/** Of a long error message, the beginning tells. */
const LONGEST_DETAIL = 300;

export type Checker = (check: Check, signal: AbortSignal) => Promise<Finding[]>;

/** What it returns holds no secret. It never throws: a check that cannot be made is a bad one. */
export function createChecker(ports: HostPorts, voice: StepVoice): Checker {
  return async (check, signal) => {
    const started = performance.now();
    const ending = new AbortController();
    // Tied to this one check: whoever listens to a signal that lives for months is never forgotten.
    const abort = () => ending.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const late = pause(check.timeoutMs + PATIENCE_MS, ending.signal).then(() => [tooLate(check)]);
      const findings = await Promise.race([make(check, { ports, voice, signal: ending.signal }), late]);
      return findings.map((finding) => masked(finding, ports));
    } catch (error) {
      return [masked(bad(check, errorText(error), performance.now() - started), ports)];
    } finally {
      signal.removeEventListener('abort', abort);
      // Ends the commands that were started and not waited for.
      ending.abort(new AutopilotError('HA_CANCELLED', `the check ${check.id} has ended`));
    }
  };
}

async function make(
  check: Check,
  { ports, voice, signal }: { ports: HostPorts; voice: StepVoice; signal: AbortSignal },
): Promise<Finding[]> {
  const { id, ask } = check;
  if (ask.kind === 'resource') {
    const readings = await readResource(ask.resource);
    return readings.map(({ item, value, detail }) => ({
      check: id,
      item,
      asked: item === null ? ask.resource : `${ask.resource} ${item}`,
      ok: value < ask.limit,
      detail,
      tookMs: 0,
      value,
    }));
  }
  if (ask.kind === 'hypervisor') return [await inspect(check, ask.plugin, { ports, voice, signal })];
  if (ask.kind === 'heartbeat') throw new AutopilotError('HA_INTERNAL', `${ask.name} reports, and is not asked`);
  const stepKey = `check-${id}`;
  await using scratch = openScratch(ports.stateDir, stepKey);
  const use = (): never => {
    throw new AutopilotError('HA_INTERNAL', 'a probe was handed no other instances');
  };
  const tools = createTools({ config: {}, name: id, stepKey, signal, scratch, use }, ports, voice);
  const { probe: asked, ok, detail, durationMs: tookMs } = await runProbe(tools, Probe.parse(ask.probe));
  return [{ check: id, item: null, asked, ok, detail, tookMs, value: null }];
}

/** A platform that tells of itself is there. */
async function inspect(
  { id, timeoutMs, ask }: Check,
  plugin: PluginRef,
  { ports, voice, signal }: { ports: HostPorts; voice: StepVoice; signal: AbortSignal },
): Promise<Finding> {
  const started = performance.now();
  const step = {
    plugin,
    uses: [],
    action: 'inspect',
    input: {},
    key: `check-${id}`,
    timeoutMs,
    mayHaveRun: false,
    voice,
  };
  const { version } = kind.actions.inspect.output.parse(await performAction(step, ports, signal));
  const tookMs = Math.round(performance.now() - started);
  return { check: id, item: null, asked: wordOf(ask), ok: true, detail: `version ${version}`, tookMs, value: null };
}

function tooLate(check: Check): Finding {
  return bad(check, 'no answer in time', check.timeoutMs);
}

function bad({ id, ask }: Check, detail: string, tookMs: number): Finding {
  const asked = wordOf(ask);
  return { check: id, item: null, asked, ok: false, detail, tookMs: Math.round(tookMs), value: null };
}

function masked(finding: Finding, { masker }: HostPorts): Finding {
  const detail = masker.text(finding.detail);
  return { ...finding, asked: masker.text(finding.asked), detail: detail.slice(0, LONGEST_DETAIL) };
}
