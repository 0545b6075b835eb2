/** The plan of an update whose service names a guest: no snapshot, no update; and the snapshot goes when it is of no use any more. */
import { describe, expect, test } from 'vitest';
import { makePlan } from '#app/planning.ts';
import type { Config } from '#config/types.ts';
import { decide } from '#engine/decide.ts';
import type { StepState } from '#engine/run.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as local } from '#plugins/destinations/local/index.ts';
import { plugin as generic } from '#plugins/services/generic/index.ts';
import { planSteps, undoSteps } from '#sdk/plan.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { plugin as shelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { workflow } from '#workflows/update.ts';

type Rollback = Config['services'][number]['update']['rollback'];

function planned({ guest = true, rollback = {} }: { guest?: boolean; rollback?: Partial<Rollback> } = {}) {
  const plain = serviceNamed('notes');
  const notes = {
    ...plain,
    guest: guest ? { hypervisor: 'pve', id: '104' } : null,
    update: { ...plain.update, rollback: { ...plain.update.rollback, ...rollback } },
  };
  const pve = { name: 'pve', type: 'shelf', config: { file: '/guests' }, hosts: ['nas'] };
  const planner = {
    settings: {
      config: configOf({ hypervisors: [pve], services: [notes] }),
      catalog: createCatalog([shelf, generic, local]),
    },
    restorePoints: () => [],
    decisions: () => [],
    servesHypervisors: () => true,
  };
  return makePlan(planner, workflow, { run: 'b7k2', service: notes, input: {} }).root;
}

const keysOf = (root: ReturnType<typeof planned>) => planSteps(root).map(({ key }) => key);
const undoOf = (root: ReturnType<typeof planned>) => undoSteps(root).map(({ key }) => key);

/** Plays the plan; the steps that are named fail, all others succeed. */
function played(root: ReturnType<typeof planned>, failing: readonly string[]) {
  const states = new Map<string, StepState>();
  const done: string[] = [];
  for (;;) {
    const decision = decide(root, states, false);
    if (decision.type === 'end') return { done, status: decision.status };
    if (decision.begin.length === 0) throw new Error('nothing runs, and nothing is to begin');
    for (const { step } of decision.begin) {
      done.push(step.key);
      const status = failing.includes(step.key) ? 'failed' : 'succeeded';
      states.set(step.key, stateOf(status));
    }
  }
}

function stateOf(status: 'failed' | 'succeeded'): StepState {
  const error = status === 'failed' ? { code: 'HA_CHECK_FAILED' as const, message: 'no' } : null;
  return { status, output: {}, error };
}

const WITH_GUEST = new Set(['can-snapshot', 'snapshot', 'delete-snapshot']);

describe('the plan', () => {
  test('without a guest is the one that there was', () => {
    const root = planned({ guest: false });

    expect(keysOf(root)).toEqual(keysOf(planned()).filter((key) => !WITH_GUEST.has(key)));
    expect(undoOf(root)).toContain('undo-keep-present');
  });

  test('looks whether a snapshot can be made before anything else happens, and makes it while all is at rest', () => {
    const keys = keysOf(planned());

    expect(keys.indexOf('can-snapshot')).toBeLessThan(keys.indexOf('fetch'));
    expect(keys.slice(keys.indexOf('quiesce'))).toMatchObject(
      ['quiesce', 'capture', 'snapshot', 'resume', 'verify'].concat(keys.slice(keys.indexOf('verify') + 1)),
    );
  });

  test('brings the guest back first, for nothing in it may work any more, and then what the set holds', () => {
    expect(undoOf(planned())).toEqual([
      'undo-restore-snapshot',
      'undo-reseal',
      'undo-stop',
      'undo-restore',
      'undo-revert',
      'undo-gate-again',
    ]);
  });

  test('leaves the guest as it is when only parts of the service are to come back', () => {
    const parts = undoOf(planned({ rollback: { data: false } }));

    expect(parts).not.toContain('undo-restore-snapshot');
    expect(parts).toContain('undo-revert');
  });
});

describe('whatever fails', () => {
  const root = planned();
  const forward = planSteps(root)
    .map(({ key }) => key)
    .filter((key) => !['set-aside', 'discard', 'delete-snapshot'].includes(key));

  test.each(forward)('at %s: nothing is changed without a snapshot, and none is left behind', (failing) => {
    const { done, status } = played(root, [failing]);

    const at = (key: string) => done.indexOf(key);
    if (done.includes('update')) expect(at('snapshot')).toBeLessThan(at('update'));
    if (failing === 'can-snapshot') expect(done).toEqual(['check', 'can-snapshot', 'set-aside', 'discard']);
    if (failing === 'snapshot') expect(done).not.toContain('update');
    if (done.includes('snapshot')) {
      expect(done).toContain('delete-snapshot');
      expect(done).toContain('resume');
    }
    const changed = ['update', 'gate', 'let-go'].includes(failing);
    expect(done.includes('undo-restore-snapshot')).toBe(changed);
    if (changed) {
      expect(at('undo-gate-again')).toBeLessThan(at('delete-snapshot'));
      expect(status).toBe('rolled_back');
    }
  });

  test.each(undoOf(root))('in the way back at %s: the snapshot stays, for a person to go back to', (failing) => {
    const { done, status } = played(root, ['gate', failing]);

    expect(status).toBe('needs_attention');
    expect(done).not.toContain('delete-snapshot');
    expect(done).not.toContain('discard');
  });

  test('when nothing goes back by itself, the snapshot stays too', () => {
    const { done, status } = played(planned({ rollback: { mode: 'never' } }), ['gate']);

    expect(status).toBe('needs_attention');
    expect(done).not.toContain('delete-snapshot');
  });

  test('nothing: the snapshot is gone in the end', () => {
    const { done, status } = played(root, []);

    expect(status).toBe('succeeded');
    expect(done.slice(-4)).toEqual(['let-go', 'delete-snapshot', 'set-aside', 'discard']);
  });
});
