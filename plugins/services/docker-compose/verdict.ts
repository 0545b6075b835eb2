/** Whether a project works: its containers by what the engine says of them, and the user's probes. */
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { type Probe, type ProbeResult, type ProbeTiming, runProbe, type Verdict } from '#sdk/probes.ts';
import type { ComposeTools } from './config.ts';
import type { Container } from './project.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Asked again each time; fails when the engine does not answer. */
export type Look = () => Promise<Container[]>;

/** Asks until all is good and stays so, or until it is too late. A container that was restarted did not stay good. */
export async function watchProject(
  tools: ComposeTools,
  look: Look,
  timing: ProbeTiming & { probes?: readonly Probe[] },
): Promise<Verdict> {
  const { probes = tools.config.validate } = timing;
  const began = performance.now();
  let good: { since: number; starts: string } | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const asked = performance.now();
    const { results, starts } = await askAll(tools, look, probes);
    tools.signal.throwIfAborted();
    if (!results.every(({ ok }) => ok)) good = undefined;
    else if (good?.starts !== starts) good = { since: asked, starts };
    const now = performance.now();
    if (good !== undefined && now - good.since >= timing.stableForMs) return verdict(results);
    if (good === undefined && now - began >= timing.timeoutMs) return verdict(results);
    const end = good === undefined ? began + timing.timeoutMs : good.since + timing.stableForMs;
    // Restarts that never end must not keep us here: each of them takes the waiting back to its start.
    if (now - began >= timing.timeoutMs + 2 * timing.stableForMs) return verdict([...results, unsteady]);
    await pause(Math.max(0, Math.min(pauseMs, end - now)), tools.signal);
  }
}

const unsteady: ProbeResult = { probe: 'containers', ok: false, detail: 'restarted again and again', durationMs: 0 };

async function askAll(
  tools: ComposeTools,
  look: Look,
  probes: readonly Probe[],
): Promise<{ results: ProbeResult[]; starts: string }> {
  const [seen, asked] = await Promise.all([
    lookAt(look),
    Promise.all(probes.map(async (probe) => runProbe(tools, probe))),
  ]);
  return { results: [...seen.results, ...asked], starts: seen.starts };
}

async function lookAt(look: Look): Promise<{ results: ProbeResult[]; starts: string }> {
  try {
    const containers = await look();
    const starts = containers.map(({ id, start }) => `${id} ${start}`).toSorted();
    return { results: judge(containers), starts: starts.join() };
  } catch (error) {
    return { results: [{ probe: 'containers', ok: false, detail: errorText(error), durationMs: 0 }], starts: '' };
  }
}

/** One result for each container, and one more when nothing runs at all. */
export function judge(containers: readonly Container[]): ProbeResult[] {
  const results = containers.map((one) => ({ probe: `container ${one.service}`, ...seen(one), durationMs: 0 }));
  if (containers.some(({ status }) => status === 'running')) return results;
  const detail = containers.length === 0 ? 'there are none' : 'none of them runs';
  return [...results, { probe: 'containers', ok: false, detail, durationMs: 0 }];
}

function seen(container: Container): { ok: boolean; detail: string } {
  const { status, health, exitCode } = container;
  if (status === 'running') {
    return health === null
      ? { ok: true, detail: 'running' }
      : { ok: health === 'healthy', detail: `running, ${health}` };
  }
  if (status !== 'exited') return { ok: false, detail: status };
  return { ok: isOneShot(container), detail: `ended with status ${exitCode}` };
}

/** It had one thing to do and did it. One that Docker is to keep running has no business to end, however well it did. */
export function isOneShot({ status, restart, exitCode }: Container): boolean {
  return status === 'exited' && exitCode === 0 && (restart === 'no' || restart === '' || restart === 'on-failure');
}

function verdict(probes: ProbeResult[]): Verdict {
  const bad = probes.filter(({ ok }) => !ok);
  const good = probes.length === 1 ? '1 check is good' : `all ${probes.length} checks are good`;
  const summary = bad.length === 0 ? good : bad.map(({ probe, detail }) => `${probe}: ${detail}`).join('; ');
  return { healthy: bad.length === 0, summary, probes };
}
