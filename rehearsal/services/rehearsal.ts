/** A copy of a Compose project that is updated for practice: all is the real thing, but the new version is spoiled on order. */
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { readOrders } from '#app/rehearse/orders.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { actions } from '#plugins/services/docker-compose/actions.ts';
import { Backup, type ComposeTools, Config, Update } from '#plugins/services/docker-compose/config.ts';
import { docker } from '#plugins/services/docker-compose/docker.ts';
import { projectNamed } from '#plugins/services/docker-compose/project.ts';
import { detailOf } from '#plugins/services/docker-compose/release.ts';
import { update } from '#plugins/services/docker-compose/update.ts';
import type { InputOf } from '#sdk/contract.ts';
import { service } from '#sdk/kinds/service.ts';

const Own = Config.extend({
  orders: z.string().startsWith('/').describe('The file that says what becomes of the next update'),
});
type Rehearsed = ComposeTools & { config: z.output<typeof Own> };

type UpdateInput = InputOf<(typeof service)['actions']['update']>;

/** An archive without any member: an image of it holds nothing that could be started. */
const EMPTY_ARCHIVE = Buffer.alloc(1024);

export const plugin = service.define({
  id: 'rehearsal',
  title: 'A copy for practice',
  config: Own,
  backup: Backup,
  update: Update,
  actions: {
    ...actions,

    async checkUpdate(tools) {
      const { breakage, images } = await readOrders(tools.config.orders);
      const targets = images.map(({ name, reference }) => ({ name, reference, digest: null }));
      return { available: true, from: 'the old version', to: breakage, targets, summary: `→ ${breakage}` };
    },

    async fetch(tools) {
      const { images } = await readOrders(tools.config.orders);
      for (const { source, reference } of images) {
        if (source !== null) await docker(tools, ['tag', source, reference]);
        else if (!(await isHere(tools, reference))) await importEmpty(tools, reference);
      }
      return { summary: `${images.length} images here` };
    },

    async update(tools, input) {
      const { breakage, spoil } = await readOrders(tools.config.orders);
      const done = await update(tools, { ...input, targets: input.targets });
      if (breakage === 'failed-migration') {
        await spoilFiles(spoil.slice(0, Math.ceil(spoil.length / 2)));
        throw new AutopilotError('HA_COMMAND_FAILED', 'the migration failed in the middle, as it was ordered to');
      }
      if (breakage === 'corrupts-data') {
        await spoilFiles(spoil);
        await killAll(tools, input);
      }
      return done;
    },
  },
});

/** Its user does not exist either, so that Docker itself refuses to start it, whatever helper would start first. */
async function importEmpty(tools: Rehearsed, reference: string): Promise<void> {
  await docker(tools, ['import', '--change', 'USER nobody-of-this-name', '-', reference], { input: EMPTY_ARCHIVE });
}

async function isHere(tools: Rehearsed, reference: string): Promise<boolean> {
  return (await docker(tools, ['image', 'ls', '-q', reference])).trim() !== '';
}

async function spoilFiles(files: readonly string[]): Promise<void> {
  for (const file of files) await writeFile(file, 'spoiled by a rehearsal\n');
}

/** A version that has spoiled its data dies of it sooner or later; here it is sooner, and Docker does not start it again. */
async function killAll(tools: Rehearsed, { release }: UpdateInput): Promise<void> {
  const { project } = detailOf(release);
  const { containers } = await projectNamed(tools, project);
  const running = containers.filter(({ status }) => status === 'running').map(({ id }) => id);
  if (running.length === 0) return;
  await docker(tools, ['update', '--restart=no', ...running]);
  await docker(tools, ['kill', ...running]);
}
