/** Nginx Proxy Manager: a Compose project whose image and data belong together, counted before and after each change. */

import { errorText } from '#kernel/errors.ts';
import { actions } from '#plugins/services/docker-compose/actions.ts';
import { sources as composeSources } from '#plugins/services/docker-compose/look.ts';
import { release as composeRelease } from '#plugins/services/docker-compose/release.ts';
import { revert as composeRevert, update as composeUpdate } from '#plugins/services/docker-compose/update.ts';
import { service } from '#sdk/kinds/service.ts';
import { Backup, Config, Update } from './config.ts';
import { check, lookAt, requirePlaces } from './look.ts';
import { notedNow, requireSame, withNote } from './managed.ts';

export const plugin = service.define({
  id: 'nginx-proxy-manager',
  title: 'Nginx Proxy Manager',
  config: Config,
  backup: Backup,
  update: Update,
  wholeRollback: true,
  actions: {
    ...actions,
    inspect: lookAt,

    async sources(tools, input) {
      const found = await composeSources(tools, input);
      await requirePlaces(tools, found.sources);
      return found;
    },

    async release(tools) {
      const found = await composeRelease(tools);
      const problems: string[] = [];
      const noted = await notedNow(tools).catch((error: unknown) => {
        tools.signal.throwIfAborted();
        problems.push(errorText(error));
        return undefined;
      });
      const uncounted = noted === undefined ? ['hosts and certificates were not counted'] : [];
      const why = problems.length === 0 && noted === undefined ? ['give the service `email` and `password`'] : problems;
      const warnings = [...found.warnings, ...uncounted.map((what) => `${what}: ${why.join('; ')}`)];
      return { ...found, release: withNote(found.release, noted), warnings };
    },

    async update(tools, input) {
      const done = await composeUpdate(tools, input);
      return { ...done, summary: `${done.summary}: ${await requireSame(tools, input.release)}` };
    },

    async revert(tools, input) {
      const done = await composeRevert(tools, input);
      return { ...done, summary: `${done.summary}: ${await requireSame(tools, input.release)}` };
    },

    validate: check,
  },
});
