/** What is given to a run by `--input`: what is wrong with it is told with its name. */
import { expect, test } from 'vitest';
import { makePlan } from '#app/planning.ts';
import { createCatalog } from '#host/catalog.ts';
import type { JsonObject } from '#kernel/json.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { workflow as drill } from '#workflows/drill.ts';

const planner = {
  settings: { config: configOf({}), catalog: createCatalog([]) },
  restorePoints: () => [],
  decisions: () => [],
  servesHypervisors: () => true,
};

test.each<[JsonObject, string]>([
  [{ guest: 'perhaps' }, '--input for drill: guest: expected true or false, got "perhaps"'],
  [{ guest: 1, keep: true }, '--input for drill: guest: expected true or false, got 1; unknown key "keep"'],
  [{ form: 'p9f4' }, '--input for drill: unknown key "form"'],
])('%j', (input, message) => {
  const plan = () => makePlan(planner, drill, { run: 'b7k2mwz8h1xn', service: serviceNamed('notes'), input });

  expect(plan).toThrow(
    expect.objectContaining({ code: 'HA_USAGE', message, next: expect.stringContaining('from, destination, guest') }),
  );
});
