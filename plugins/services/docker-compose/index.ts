/** A Docker Compose project: its directory and volumes are backed up, its services stopped only as far as you say. */
import { service } from '#sdk/kinds/service.ts';
import { runProbe } from '#sdk/probes.ts';
import { checkUpdate } from './check-update.ts';
import { Backup, Config, Update } from './config.ts';
import { dump, load, sourcesOf } from './databases.ts';
import { fetch, hold, letGo } from './images.ts';
import { findProject, requireProject, serviceNames } from './project.ts';
import { release } from './release.ts';
import { quiesce, resume, wantedServices } from './rest.ts';
import { endTrial, trial } from './trial.ts';
import { ready, revert, standby, update } from './update.ts';
import { judge, watchProject } from './verdict.ts';
import { imagesOf } from './versions.ts';

export const plugin = service.define({
  id: 'docker-compose',
  title: 'Docker Compose project',
  config: Config,
  backup: Backup,
  update: Update,
  actions: {
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

    async sources(tools, { dumped }) {
      const project = await requireProject(tools);
      // Before anything is stopped: a project that Compose cannot read could not be stopped and started either.
      await serviceNames(tools, project);
      await wantedServices(tools, project);
      const { sources, leftOut } = await sourcesOf(tools, project, { dumped });
      return { sources, warnings: leftOut.map((what) => `not in the backup: ${what}`) };
    },

    dump,
    load,
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
  },
});
