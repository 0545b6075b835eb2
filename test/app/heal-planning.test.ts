/** What a restart goes by: all that watches the service itself, and no backup. */
import { expect, test } from 'vitest';
import { chosenServices, makePlan } from '#app/planning.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as generic } from '#plugins/services/generic/index.ts';
import { planSteps } from '#sdk/plan.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { workflow } from '#workflows/heal.ts';

const tcp = (port: number) => ({ type: 'tcp', host: '127.0.0.1', port, timeout: '5s', external: false });
const often = { intervalMs: 60_000, failureThreshold: 3, successThreshold: 2 };
const heal = { afterMs: 0, attempts: 3, windowMs: 1, backoffMs: 1, maxBackoffMs: 1 };
const notes = serviceNamed('notes', {
  type: 'generic',
  backup: null,
  heal,
  config: { validate: [tcp(25)] },
  checks: [
    { probe: tcp(25), external: false, ...often },
    { probe: tcp(80), external: false, ...often },
    { probe: tcp(443), external: true, ...often },
  ],
});
const config = configOf({ services: [notes, serviceNamed('wiki')] });
const planner = {
  settings: { config, catalog: createCatalog([generic]) },
  restorePoints: () => [],
  decisions: () => [],
  servesHypervisors: () => false,
};

test('a service without a backup can be restarted, and is judged by all that watches it but from outside', () => {
  const steps = planSteps(makePlan(planner, workflow, { run: 'b7k2mwz8h1xn', service: notes, input: {} }).root);

  expect(steps.map(({ key }) => key)).toEqual(['look', 'restart', 'start', 'gate']);
  for (const { plugin } of steps) expect(plugin.config['validate']).toEqual([tcp(25), tcp(80)]);
});

test('all that are meant are those that are restarted by themselves', () => {
  const chosen = chosenServices(config, workflow, { services: [], all: true });

  expect(chosen.map(({ name }) => name)).toEqual(['notes']);
});

test('a service whose plugin cannot restart it is refused before anything begins', () => {
  const { restart: _restart, ...actions } = generic.actions as Record<string, never>;
  const without = { ...planner, settings: { config, catalog: createCatalog([{ ...generic, actions }]) } };
  const planning = () => makePlan(without, workflow, { run: 'r', service: notes, input: {} });

  expect(planning).toThrow('its plugin generic has no "restart"');
});
