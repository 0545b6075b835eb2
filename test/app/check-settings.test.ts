/** The plan of an update carries what the check of versions goes by, in a form that the plugin can read. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { makePlan } from '#app/planning.ts';
import { createCatalog } from '#host/catalog.ts';
import { planSteps } from '#sdk/plan.ts';
import { CheckSettings } from '#sdk/versions/settings.ts';
import { defineWorkflow } from '#sdk/workflow.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { secretAt } from '#test/support/registry-tools.ts';

const asks = defineWorkflow({
  name: 'asks',
  title: 'Ask',
  changes: false,
  section: 'backup',
  input: z.object({}),
  plan: ({ service, change }) => service.do('checkUpdate', { policy: change.policy }),
});

test('policy, age, filters, registries and decisions arrive, and the password as a reference', () => {
  const registries = { 'ghcr.io': { username: 'me', password: secretAt('updates.registries.ghcr.io.password') } };
  const notes = serviceNamed('notes');
  const update = { ...notes.update, policy: 'patch' as const, minAgeMs: 1_000, tags: { web: '^1' } };
  const config = configOf({ registries, services: [{ ...notes, update }] });
  const decision = {
    service: 'notes',
    image: null,
    decision: 'pin' as const,
    version: '1.0',
    at: '2026-01-01T00:00:00.000Z',
  };
  const planner = {
    settings: { config, catalog: createCatalog([]) },
    restorePoints: () => [],
    servesHypervisors: () => true,
    decisions: () => [decision],
  };

  const plan = makePlan(planner, asks, { run: 'r', service: { ...notes, update }, input: {} });

  const { policy } = z.object({ policy: CheckSettings }).parse(planSteps(plan.root)[0]?.input);
  expect(policy).toEqual({ policy: 'patch', minAgeMs: 1_000, tags: { web: '^1' }, registries, decisions: [decision] });
});
