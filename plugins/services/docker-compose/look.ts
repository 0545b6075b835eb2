/** What can be told of a project, and what of it belongs into a backup. */
import type { OutputOf } from '#sdk/contract.ts';
import type { service } from '#sdk/kinds/service.ts';
import { badIn, lookThrough, type ProbeTiming, type Verdict } from '#sdk/probes.ts';
import type { ComposeTools } from './config.ts';
import { sourcesOf } from './databases.ts';
import { findProject, requireProject, serviceNames } from './project.ts';
import { wantedServices } from './rest.ts';
import { judge, watchProject } from './verdict.ts';

type Actions = (typeof service)['actions'];
type Output<K extends keyof Actions> = Promise<OutputOf<Actions[K]>>;

export async function inspect(tools: ComposeTools): Output<'inspect'> {
  const containers = (await findProject(tools))?.containers ?? [];
  const probes = await lookThrough(tools, tools.config.validate);
  const results = [...judge(containers), ...probes.results];
  const bad = badIn(results);
  const images = [...new Set(containers.map(({ image }) => image))].toSorted();
  return {
    state: bad.length === 0 ? 'up' : 'down',
    ...(images.length === 0 ? {} : { version: images.join(', ') }),
    detail: bad.length === 0 ? 'all containers and probes are good' : bad.join('; '),
  };
}

export async function sources(tools: ComposeTools, { dumped }: { dumped: boolean }): Output<'sources'> {
  const project = await requireProject(tools);
  // Before anything is stopped: a project that Compose cannot read could not be stopped and started either.
  await serviceNames(tools, project);
  await wantedServices(tools, project);
  const { sources: found, leftOut } = await sourcesOf(tools, project, { dumped });
  return { sources: found, warnings: leftOut.map((what) => `not in the backup: ${what}`) };
}

export async function validate(tools: ComposeTools, timing: ProbeTiming): Promise<Verdict> {
  return watchProject(tools, async () => (await findProject(tools))?.containers ?? [], timing);
}
