/** Sets are packed to be shared where somebody keeps what they share once, and only there. */
import { expect, test } from 'vitest';
import { makePlan } from '#app/planning.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as local } from '#plugins/destinations/local/index.ts';
import { plugin as restic } from '#plugins/destinations/restic/index.ts';
import { planSteps } from '#sdk/plan.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { workflow as backup } from '#workflows/backup.ts';

function planned(destinations: string[]) {
  const plain = serviceNamed('notes');
  if (plain.backup === null) throw new Error('it has a backup section');
  const config = { backup: { databases: [{ type: 'sqlite', path: '/srv/notes.db' }] } };
  const notes = { ...plain, config, backup: { ...plain.backup, destinations } };
  const disk = { name: 'disk', type: 'local', config: { path: '/backups' } };
  const vault = { name: 'vault', type: 'restic', config: { repository: '/vault' } };
  const planner = {
    settings: {
      config: configOf({ destinations: [disk, vault], services: [notes] }),
      catalog: createCatalog([local, restic]),
    },
    restorePoints: () => [],
    decisions: () => [],
    servesHypervisors: () => true,
  };
  const steps = planSteps(makePlan(planner, backup, { run: 'b7k2mwz8h1xn', service: notes, input: {} }).root);
  return (action: string) => steps.find((step) => step.action === action)?.input;
}

test.each(['capture', 'dump'])('what is made by %s is packed to be shared with a repository of restic', (action) => {
  expect(planned(['disk', 'vault'])(action)).toMatchObject({ shareable: true });
  expect(planned(['disk'])(action)).toBeDefined();
  expect(planned(['disk'])(action)).not.toHaveProperty('shareable');
});
