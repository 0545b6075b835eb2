/** Steps of hypervisors go to a host that reaches them. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { makePlan } from '#app/planning.ts';
import { createCatalog } from '#host/catalog.ts';
import { SnapshotLabel } from '#sdk/guests.ts';
import { planSteps } from '#sdk/plan.ts';
import { defineWorkflow } from '#sdk/workflow.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { plugin as shelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';

const asks = defineWorkflow({
  name: 'asks',
  title: 'Ask',
  changes: false,
  section: 'backup',
  input: z.object({}),
  plan({ guest, run }) {
    if (guest === null) throw new Error('the service names a guest');
    return guest.hypervisor.do('snapshot', { guest: guest.id, label: run.snapshot, run: run.id });
  },
});

function planned(present: string[], hosts: string[], run = 'b7k2mwz8h1xn') {
  const notes = serviceNamed('notes', { host: 'docker-1', guest: { hypervisor: 'pve', id: '104' } });
  const pve = { name: 'pve', type: 'shelf', config: { file: '/guests' }, hosts };
  const planner = {
    settings: {
      config: configOf({ hosts: ['nas', 'docker-1', 'attic'], hypervisors: [pve], services: [notes] }),
      catalog: createCatalog([shelf]),
    },
    restorePoints: () => [],
    decisions: () => [],
    servesHypervisors: (host: string) => present.includes(host),
  };
  const [step] = planSteps(makePlan(planner, asks, { run, service: notes, input: {} }).root);
  if (step === undefined) throw new Error('there is one step');
  return step;
}

test('a step of a hypervisor carries its configuration, the guest and a label that any platform takes', () => {
  const { plugin, input, host } = planned(['nas'], ['nas']);

  expect(plugin).toEqual({ kind: 'hypervisor', name: 'pve', type: 'shelf', config: { file: '/guests' } });
  expect(input).toMatchObject({ guest: '104', run: 'b7k2mwz8h1xn' });
  expect(SnapshotLabel.safeParse(input['label']).success).toBe(true);
  expect(planned(['nas'], ['nas'], 'another').input['label']).not.toBe(input['label']);
  expect(host).toBe('nas');
});

test.each([
  ['the host of the service, where it is listed and there', ['nas', 'docker-1'], ['nas', 'docker-1'], 'docker-1'],
  ['the first that is there', ['attic', 'nas'], ['nas'], 'nas'],
  ['the first of the list while nobody is there', ['attic', 'nas'], [], 'attic'],
  ['the first of the list when all are there', ['attic', 'nas'], ['nas', 'attic'], 'attic'],
])('it goes to %s', (_, hosts, present, expected) => {
  expect(planned(present, hosts).host).toBe(expected);
});
