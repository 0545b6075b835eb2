/** What can be done with a Compose project. */
import type { Implementation } from '#sdk/contract.ts';
import type { service } from '#sdk/kinds/service.ts';
import { runProbe } from '#sdk/probes.ts';
import { checkUpdate } from './check-update.ts';
import type { ComposeTools } from './config.ts';
import { coverageOf } from './coverage.ts';
import { fetch, hold, letGo } from './images.ts';
import { findProject, requireProject, serviceNames } from './project.ts';
import { release } from './release.ts';
import { quiesce, resume, wantedServices } from './rest.ts';
import { endTrial, trial } from './trial.ts';
import { ready, revert, standby, update } from './update.ts';
import { judge, watchProject } from './verdict.ts';
import { imagesOf } from './versions.ts';

export const actions: Implementation<(typeof service)['actions'], ComposeTools['config']> = {
  async inspect(tools) {
    const containers = (await findProject(tools))?.containers ?? [];
    const probes = await Promise.all(tools.config.validate.map(async (probe) => runProbe(tools, probe)));
    const results = [...judge(containers), ...probes];
    const bad = results.filter(({ ok }) => !ok).map(({ probe, detail }) => `${probe}: ${detail}`);
    const images = [...new Set(containers.map(({ image }) => image))].toSorted();
    return {
      state: bad.length === 0 ? 'up' : 'down',
      ...(images.length === 0 ? {} : { version: images.join(', ') }),
      detail: bad.length === 0 ? 'all containers and probes are good' : bad.join('; '),
    };
  },

  async sources(tools) {
    const project = await requireProject(tools);
    // Before anything is stopped: a project that Compose cannot read could not be stopped and started either.
    await serviceNames(tools, project);
    await wantedServices(tools, project);
    const { paths, leftOut } = await coverageOf(tools, project);
    return {
      sources: paths.map((path) => ({ path, exclude: tools.config.backup.exclude })),
      warnings: leftOut.map((what) => `not in the backup: ${what}`),
    };
  },

  quiesce,
  resume,
  checkUpdate,
  release,
  fetch,
  hold,
  letGo,
  update,
  ready,
  standby,
  revert,
  trial,
  endTrial,
  versions: async (tools) => ({ images: await imagesOf(tools, await requireProject(tools)) }),

  async validate(tools, timing) {
    return watchProject(tools, async () => (await findProject(tools))?.containers ?? [], timing);
  },
};
