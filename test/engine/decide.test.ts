/** The decision: what is next, for any state of any plan. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '#engine/decide.ts';
import type { StepState, StepStatus } from '#engine/run.ts';
import type { PlanNode } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';
import { planArbitrary } from '#test/engine/plan-arbitrary.ts';
import { guard, inSequence, reversible, sideBySide, step } from '#test/support/plans.ts';

type Verdict = 'succeeded' | 'failed' | 'unknown';

/** Runs a plan to its end, as if every step were performed at once with the given verdict. */
function play(root: PlanNode, verdictOf: (key: string) => Verdict, cancelAfter = Number.POSITIVE_INFINITY) {
  const states = new Map<string, StepState>();
  const order: string[] = [];
  for (let round = 0; round < 1_000; round++) {
    const decision = decide(root, states, order.length >= cancelAfter);
    if (decision.type === 'end') return { ...decision, order, states };
    if (decision.begin.length === 0) throw new Error('it waits, though nothing runs');
    for (const { step: begun } of decision.begin) {
      expect(states.has(begun.key), `${begun.key} is begun once`).toBe(false);
      order.push(begun.key);
      states.set(begun.key, stateOf(verdictOf(begun.key)));
    }
  }
  throw new Error('it never ends');
}

function stateOf(verdict: Verdict): StepState {
  const status: StepStatus = verdict === 'succeeded' ? 'succeeded' : 'failed';
  const code = verdict === 'unknown' ? 'HA_OUTCOME_UNKNOWN' : 'HA_CHECK_FAILED';
  return { status, output: {}, error: status === 'failed' ? { code, message: 'no' } : null };
}

const failing =
  (...keys: string[]) =>
  (key: string): Verdict =>
    keys.includes(key) ? 'failed' : 'succeeded';

describe('decide', () => {
  test('steps of a sequence follow one another', () => {
    const root = inSequence(step('a'), step('b'), step('c'));

    const { order, status } = play(root, failing());

    expect(order).toEqual(['a', 'b', 'c']);
    expect(status).toBe('succeeded');
  });

  test('a failure ends the sequence, and what was begun is undone, the last first, the failed step included', () => {
    const root = inSequence(step('a', { undo: true }), step('b', { undo: true }), step('c', { undo: true }), step('d'));

    const { order, status } = play(root, failing('c'));

    expect(order).toEqual(['a', 'b', 'c', 'undo-c', 'undo-b', 'undo-a']);
    expect(status).toBe('rolled_back');
  });

  test('a failure with nothing to undo is a plain failure that names its step', () => {
    const root = inSequence(step('a'), step('b'));

    expect(play(root, failing('b'))).toMatchObject({ status: 'failed', because: 'b' });
  });

  test('what was stopped is started again, whether the body succeeds or fails', () => {
    const root = inSequence(guard(inSequence(step('stop'), step('capture')), 'start'), step('copy'));

    expect(play(root, failing()).order).toEqual(['stop', 'capture', 'start', 'copy']);
    expect(play(root, failing('capture')).order).toEqual(['stop', 'capture', 'start']);
    expect(play(root, failing('stop')).order).toEqual(['stop', 'start']);
  });

  test('a service that cannot be started again needs attention', () => {
    const root = guard(inSequence(step('stop'), step('capture')), 'start');

    expect(play(root, failing('start'))).toMatchObject({ status: 'needs_attention', because: 'start' });
  });

  test('inside a guard the undo comes before what tidies up', () => {
    const root = guard(inSequence(step('snapshot', { undo: true }), step('change')), 'delete-snapshot', {
      restart: false,
    });

    expect(play(root, failing('change')).order).toEqual(['snapshot', 'change', 'undo-snapshot', 'delete-snapshot']);
  });

  test('after an undo that failed nothing that could still help is tidied away', () => {
    const root = guard(inSequence(step('snapshot', { undo: true }), step('change')), 'delete-snapshot', {
      restart: false,
    });

    const { order, status } = play(root, failing('change', 'undo-snapshot'));

    expect(order).toEqual(['snapshot', 'change', 'undo-snapshot']);
    expect(status).toBe('needs_attention');
  });

  test('after an undo that failed a stopped service is started nevertheless', () => {
    const root = guard(inSequence(step('stop', { undo: true }), step('change')), 'start');

    expect(play(root, failing('change', 'undo-stop')).order).toEqual(['stop', 'change', 'undo-stop', 'start']);
  });

  test('branches side by side go on when another one fails', () => {
    const branch = (name: string) => inSequence(step(`copy-${name}`), step(`verify-${name}`));
    const root = sideBySide(branch('usb'), branch('vault'));

    const { order, status } = play(root, failing('copy-vault'));

    expect(order).toEqual(['copy-usb', 'copy-vault', 'verify-usb']);
    expect(status).toBe('failed');
  });

  test('a step that finds nothing to do ends the run as skipped, and what it held is released', () => {
    const root = guard(inSequence(step('check', { stopUnless: 'available' }), step('update')), 'release');
    const states = new Map<string, StepState>([
      ['check', { status: 'succeeded', output: { available: false }, error: null }],
    ]);

    expect(decide(root, states, false)).toMatchObject({ type: 'go', begin: [{ step: { key: 'release' } }] });
    states.set('release', stateOf('succeeded'));
    expect(decide(root, states, false)).toMatchObject({ type: 'end', status: 'skipped' });
  });

  test('a step that finds that nothing is wrong ends the run as skipped, and what follows it does not begin', () => {
    const root = inSequence(step('look', { stopIf: 'healthy' }), step('restart'));
    const seen = (healthy: boolean) =>
      new Map<string, StepState>([['look', { status: 'succeeded', output: { healthy }, error: null }]]);

    expect(decide(root, seen(true), false)).toMatchObject({ type: 'end', status: 'skipped' });
    expect(decide(root, seen(false), false)).toMatchObject({ type: 'go', begin: [{ step: { key: 'restart' } }] });
  });

  test('a cancel begins no forward step, and puts back what was begun', () => {
    const root = guard(inSequence(step('stop', { undo: true }), step('change')), 'start');

    const { order, status } = play(root, failing(), 1);

    expect(order).toEqual(['stop', 'undo-stop', 'start']);
    expect(status).toBe('cancelled');
  });

  test('a cancel before the first step changes nothing at all', () => {
    const root = guard(step('stop'), 'start');

    expect(play(root, failing(), 0)).toMatchObject({ order: [], status: 'cancelled' });
  });

  test('a once step of which nobody knows whether it happened is a person’s matter', () => {
    const root = inSequence(step('migrate', { effect: 'once' }));

    expect(play(root, () => 'unknown')).toMatchObject({ status: 'needs_attention', because: 'migrate' });
  });

  test('a step that was withdrawn before it began is not undone', () => {
    const root = inSequence(step('a', { undo: true }), step('b', { undo: true }));
    const states = new Map<string, StepState>([
      ['a', stateOf('succeeded')],
      ['b', { status: 'withdrawn', output: null, error: null }],
    ]);

    expect(decide(root, states, true)).toMatchObject({ begin: [{ step: { key: 'undo-a' }, role: 'undo' }] });
  });

  test('a change that failed is put back by its way back, in the order of that', () => {
    const change = reversible(inSequence(step('update'), step('gate')), 'halt', 'data', 'image');
    const root = inSequence(step('protect'), change);

    const { order, status } = play(root, failing('gate'));

    expect(order).toEqual(['protect', 'update', 'gate', 'undo-halt', 'undo-data', 'undo-image']);
    expect(status).toBe('rolled_back');
    expect(play(root, failing('protect'))).toMatchObject({ order: ['protect'], status: 'failed' });
  });

  test('a later failure puts back every change before it, the last first', () => {
    const root = inSequence(reversible(step('a'), 'a'), reversible(step('b'), 'b'), step('c'));

    expect(play(root, failing('c')).order).toEqual(['a', 'b', 'c', 'undo-b', 'undo-a']);
  });

  test('a way back that fails at one step goes no further, and a person is called', () => {
    const root = reversible(inSequence(step('update'), step('gate')), 'halt', 'data', 'image');

    const { order, status, because } = play(root, failing('gate', 'undo-data'));

    expect(order).toEqual(['update', 'gate', 'undo-halt', 'undo-data']);
    expect({ status, because }).toEqual({ status: 'needs_attention', because: 'undo-data' });
  });

  test('a change that may not be put back by itself is a person’s matter when it fails', () => {
    const root = guard(inSequence(step('protect'), reversible(inSequence(step('update'), step('gate')))), 'tidy', {
      restart: false,
    });

    expect(play(root, failing('gate'))).toMatchObject({ status: 'needs_attention', because: 'gate' });
    expect(play(root, failing('protect'))).toMatchObject({ status: 'failed', order: ['protect', 'tidy'] });
  });

  test('a change of which nobody knows whether it happened is put back', () => {
    const root = reversible(step('migrate', { effect: 'once' }), 'data');

    const verdictOf = (key: string): Verdict => (key === 'migrate' ? 'unknown' : 'succeeded');
    expect(play(root, verdictOf)).toMatchObject({ status: 'rolled_back', order: ['migrate', 'undo-data'] });
  });

  test('any plan under any verdicts and any cancel ends once, with every change put back or a person called', () => {
    const scenario = fc.record({ root: planArbitrary(), seed: fc.integer(), cancelAfter: fc.nat(12) });

    fc.assert(
      fc.property(scenario, ({ root, seed, cancelAfter }) => {
        const verdictOf = (key: string): Verdict => (hash(`${seed}${key}`) % 4 === 0 ? 'failed' : 'succeeded');

        const { status, order, states } = play(root, verdictOf, cancelAfter);

        expect(new Set(order).size).toBe(order.length);
        if (status === 'succeeded' || status === 'needs_attention') return;
        for (const { key, undo } of planSteps(root)) {
          if (states.has(key) && undo !== null) expect(states.get(undo.key)?.status, key).toBe('succeeded');
        }
        for (const { body, undo } of changesOf(root)) {
          if (!planSteps(body).some(({ key }) => states.has(key))) continue;
          for (const { key } of undo) expect(states.get(key)?.status, key).toBe('succeeded');
        }
        for (const release of releasesOf(root)) {
          if (release.bodyBegun(states)) expect(states.get(release.key)?.status).toBe('succeeded');
        }
      }),
      { numRuns: 500 },
    );
  });
});

function hash(text: string): number {
  let value = 7;
  for (const letter of text) value = (value * 31 + letter.charCodeAt(0)) >>> 0;
  return value;
}

function releasesOf(node: PlanNode): { key: string; bodyBegun(states: ReadonlyMap<string, StepState>): boolean }[] {
  switch (node.type) {
    case 'step':
      return [];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(releasesOf);
    case 'reversible':
      return releasesOf(node.body);
    case 'guard': {
      const bodyBegun = (states: ReadonlyMap<string, StepState>) =>
        planSteps(node.body).some(({ key }) => states.has(key));
      return [...releasesOf(node.body), ...node.finally.map(({ key }) => ({ key, bodyBegun }))];
    }
  }
}

function changesOf(node: PlanNode): Extract<PlanNode, { type: 'reversible' }>[] {
  switch (node.type) {
    case 'step':
      return [];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(changesOf);
    case 'guard':
      return changesOf(node.body);
    case 'reversible':
      return [node, ...changesOf(node.body)];
  }
}
