/** What encryption changes of plans: no step, and only what they are told; and no plan whose way back nobody could open. */
import { expect, test } from 'vitest';
import { makePlan } from '#app/planning.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as local } from '#plugins/destinations/local/index.ts';
import { plugin as generic } from '#plugins/services/generic/index.ts';
import type { Encryption } from '#sdk/encryption.ts';
import { planSteps, undoSteps } from '#sdk/plan.ts';
import type { Workflow } from '#sdk/workflow.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { workflow as backup } from '#workflows/backup.ts';
import { workflow as drill } from '#workflows/drill.ts';
import { workflow as restore } from '#workflows/restore.ts';
import { workflow as rollback } from '#workflows/rollback.ts';
import { workflow as update } from '#workflows/update.ts';

const PLAIN: Encryption = { recipients: [], identity: null };
const LOCKED: Encryption = { recipients: ['age1somebody'], identity: null };
const OPENABLE: Encryption = {
  ...LOCKED,
  identity: { $secret: { path: 'backup.encryption.identity', source: { from: 'file', file: '/etc/age.key' } } },
};

function planned(workflow: Workflow, encryption: Encryption) {
  const plain = serviceNamed('notes');
  const notes = { ...plain, backup: plain.backup === null ? null : { ...plain.backup, encryption } };
  const planner = {
    settings: { config: configOf({ services: [notes] }), catalog: createCatalog([generic, local]) },
    restorePoints: () => [
      {
        id: 'p9f4bcdfghjk',
        service: 'notes',
        host: 'nas',
        createdAt: '2026-03-01T02:00:00.000Z',
        sizeBytes: 1,
        files: 1,
        verifiedAt: null,
        release: null,
        lastDrill: null,
        purpose: 'backup' as const,
        pinned: false,
        copies: [],
      },
    ],
    decisions: () => [],
    servesHypervisors: () => true,
  };
  const { root } = makePlan(planner, workflow, { run: 'b7k2', service: notes, input: {} });
  return [...planSteps(root), ...undoSteps(root)];
}

const all: [string, Workflow][] = [backup, update, rollback, restore, drill].map((workflow) => [
  workflow.name,
  workflow,
]);

test.each(all)('the steps of a %s are the same with encryption and without', (_name, workflow) => {
  const keys = (encryption: Encryption) => planned(workflow, encryption).map(({ key }) => key);

  expect(keys(OPENABLE)).toEqual(keys(PLAIN));
});

test.each(all)(
  'whatever makes or reads a set in a %s is told of it, and where nothing is encrypted nothing is said',
  (_name, workflow) => {
    const concerned = /^(preflight|capture|seal|recall|checkRestore|restore|load|unpack)$/;
    const steps = planned(workflow, OPENABLE).filter(
      ({ plugin, action }) => plugin.kind === 'archive' && concerned.test(action),
    );

    expect(steps.length).toBeGreaterThan(0);
    for (const { input } of steps) expect(input).toMatchObject({ encryption: OPENABLE });
    expect(JSON.stringify(planned(workflow, PLAIN))).not.toContain('encryption');
  },
);

test.each([
  ['update', update],
  ['rollback', rollback],
] as const)('an %s without any identity is not even planned', (_name, workflow) => {
  expect(() => planned(workflow, LOCKED)).toThrow('needs a way back');
});

test.each([
  ['backup', backup],
  ['restore', restore],
  ['drill', drill],
] as const)('a %s is: the set may be a plain one', (_name, workflow) => {
  expect(planned(workflow, LOCKED).length).toBeGreaterThan(0);
});
