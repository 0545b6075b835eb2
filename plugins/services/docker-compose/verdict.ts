/** Whether a project works: its containers by what the engine says of them, and the user's probes. */
import { errorText } from '#kernel/errors.ts';
import { judgeContainer } from '#sdk/probes/container.ts';
import type { Detour } from '#sdk/probes/route.ts';
import { type Look as Looked, watch } from '#sdk/probes/watch.ts';
import { lookThrough, type Probe, type ProbeResult, type ProbeTiming, type Verdict, verdictOf } from '#sdk/probes.ts';
import type { ComposeTools } from './config.ts';
import type { Container } from './project.ts';

/** Asked again each time; fails when the engine does not answer. */
export type Look = () => Promise<Container[]>;

/** Asks until all is good and stays so, or until it is too late. A container that was restarted did not stay good. */
export async function watchProject(tools: ComposeTools, look: Look, timing: ProbeTiming & Asked): Promise<Verdict> {
  return verdictOf(await watch(async () => askAll(tools, look, timing), timing, tools), 'check');
}

interface Asked {
  /** Default: the user's. */
  probes?: readonly Probe[];
  /** Leads the probes to these containers. */
  detour?: (containers: readonly Container[]) => Detour;
}

async function askAll(
  tools: ComposeTools,
  look: Look,
  { probes = tools.config.validate, detour }: Asked,
): Promise<Looked> {
  const looking = lookAt(look);
  const way = detour?.((await looking).containers);
  const [seen, asked] = await Promise.all([looking, lookThrough(tools, probes, way)]);
  return { results: [...seen.results, ...asked.results], began: `${seen.began};${asked.began}` };
}

async function lookAt(look: Look): Promise<Looked & { containers: readonly Container[] }> {
  try {
    const containers = await look();
    const starts = containers.map(({ id, start }) => `${id} ${start}`).toSorted();
    return { containers, results: judge(containers), began: starts.join() };
  } catch (error) {
    const unseen = { probe: 'containers', ok: false, detail: errorText(error), durationMs: 0 };
    return { containers: [], results: [unseen], began: '' };
  }
}

/** One result for each container, and one more when nothing runs at all. */
export function judge(containers: readonly Container[]): ProbeResult[] {
  const results = containers.map((one) => ({
    probe: `container ${one.service}`,
    ...judgeContainer(one),
    durationMs: 0,
  }));
  if (containers.some(({ status }) => status === 'running')) return results;
  const detail = containers.length === 0 ? 'there are none' : 'none of them runs';
  return [...results, { probe: 'containers', ok: false, detail, durationMs: 0 }];
}
