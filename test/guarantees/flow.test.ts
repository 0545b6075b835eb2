/** A run from request to its one terminal status, over real queues. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepMessage } from '#engine/ports.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { StepContext } from '#queue/step-worker.ts';
import type { TestEngine } from '#test/support/engine.ts';
import { startTestEngine } from '#test/support/engine.ts';
import { guard, inSequence, planOf, sideBySide, step } from '#test/support/plans.ts';
import { eventually } from '#test/support/wait.ts';

/** What the steps of one test do, by the key of the step; by default they succeed. */
type Script = Record<string, (message: StepMessage, context: StepContext) => Promise<JsonObject>>;

let bed: TestEngine;
const scripts = new Map<string, Script>();
const begun: { run: string; step: string; at: number }[] = [];

beforeAll(async () => {
  bed = await startTestEngine(async (message, context) => {
    begun.push({ run: message.run, step: message.step.key, at: Date.now() });
    const act = scripts.get(message.service)?.[message.step.key];
    return act === undefined ? {} : act(message, context);
  });
});

afterAll(() => bed[Symbol.asyncDispose]());

let services = 0;

/** A service of its own for each test, so that tests do not wait for one another. */
function service(script: Script = {}): string {
  const name = `service-${services++}`;
  scripts.set(name, script);
  return name;
}

const refuse = async (): Promise<never> => {
  throw new AutopilotError('HA_CHECK_FAILED', 'it says no', { next: 'Ask again' });
};

const untilAborted = (_message: StepMessage, { signal }: StepContext) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

const stepsOf = (run: string) => begun.filter((entry) => entry.run === run).map((entry) => entry.step);

describe('a run', () => {
  test('performs its steps in order and succeeds', async () => {
    const run = await bed.request(planOf(inSequence(step('a'), step('b'), step('c')), { service: service() }));

    const { status, steps } = await bed.ended(run);

    expect(status).toBe('succeeded');
    expect(stepsOf(run)).toEqual(['a', 'b', 'c']);
    expect(steps.map((view) => [view.name, view.status, view.attempts])).toEqual([
      ['a', 'succeeded', 1],
      ['b', 'succeeded', 1],
      ['c', 'succeeded', 1],
    ]);
  });

  test('hands the output of a step to a later one', async () => {
    const seen: JsonObject[] = [];
    const name = service({
      make: async () => ({ answer: 42 }),
      take: async ({ step: { input } }) => {
        seen.push(input);
        return {};
      },
    });
    const take = step('take', { input: { value: { $output: { step: 'make', field: 'answer' } } } });

    await bed.ended(await bed.request(planOf(inSequence(step('make'), take), { service: name })));

    expect(seen).toEqual([{ value: 42 }]);
  });

  test('undoes what it did when a step fails, and says why and what to do', async () => {
    const name = service({ b: refuse });
    const plan = planOf(inSequence(step('a', { undo: true }), step('b')), { service: name });

    const detail = await bed.ended(await bed.request(plan));

    expect(detail).toMatchObject({ status: 'rolled_back', reason: 'step "b": it says no' });
    expect(detail.next).toContain('Ask again');
    expect(detail.steps.at(-1)).toMatchObject({ name: 'undo-a', undo: true, status: 'succeeded' });
  });

  test('tries a step again that may succeed later, and counts the attempts', async () => {
    let calls = 0;
    const name = service({
      a: async () => {
        if (++calls < 3) throw new AutopilotError('HA_REMOTE_UNREACHABLE', 'not there yet');
        return {};
      },
    });

    const run = await bed.request(planOf(step('a', { attempts: 3 }), { service: name }));
    const { status, steps } = await bed.ended(run);

    expect(status).toBe('succeeded');
    expect(steps[0]).toMatchObject({ attempts: 3 });
    const events = await bed.events(run);
    expect(events.flatMap((event) => (event.type === 'step' && event.status === 'failed' ? [event] : []))).toEqual([]);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'step', status: 'dispatched', attempt: 1, text: 'not there yet' }),
    );
  });

  test('does not try a step again when trying changes nothing', async () => {
    const run = await bed.request(planOf(step('a', { attempts: 5 }), { service: service({ a: refuse }) }));

    const { status, steps } = await bed.ended(run);

    expect(status).toBe('failed');
    expect(steps[0]).toMatchObject({ attempts: 1, error: 'it says no', errorCode: 'HA_CHECK_FAILED' });
  });

  test('does not give up putting things back for want of space', async () => {
    let full = true;
    const name = service({
      b: refuse,
      'undo-a': async () => {
        if (!full) return {};
        full = false;
        throw new AutopilotError('HA_NO_SPACE', 'no space left');
      },
    });
    const plan = planOf(inSequence(step('a', { undo: true, attempts: 3 }), step('b')), { service: name });

    expect((await bed.ended(await bed.request(plan))).status).toBe('rolled_back');
  });

  test('starts again what it stopped when the work between fails', async () => {
    const name = service({ capture: refuse });
    const plan = planOf(inSequence(guard(inSequence(step('stop'), step('capture')), 'start'), step('copy')), {
      service: name,
    });

    const run = await bed.request(plan);
    const { status } = await bed.ended(run);

    expect(status).toBe('failed');
    expect(stepsOf(run)).toEqual(['stop', 'capture', 'start']);
  });

  test('lets a branch go on when the other one fails', async () => {
    const branch = (name: string) => inSequence(step(`copy-${name}`), step(`verify-${name}`));
    const name = service({ 'copy-vault': refuse });

    const run = await bed.request(planOf(sideBySide(branch('usb'), branch('vault')), { service: name }));
    const { status } = await bed.ended(run);

    expect(status).toBe('failed');
    expect(stepsOf(run).sort()).toEqual(['copy-usb', 'copy-vault', 'verify-usb']);
  });

  test('waits for a running change of the same service, and starts at once when that ends', async () => {
    const release = Promise.withResolvers<JsonObject>();
    const name = service({ first: () => release.promise });

    const first = await bed.request(planOf(step('first'), { service: name }));
    const second = await bed.request(planOf(step('second'), { service: name }));
    await eventually('the first run works', () => stepsOf(first).length === 1);
    expect(bed.history.run(second).status).toBe('queued');
    release.resolve({});
    await bed.ended(second);

    expect(bed.history.run(first).finishedAt).not.toBeNull();
    expect(begun.findIndex(({ step: key, run }) => key === 'second' && run === second)).toBeGreaterThan(
      begun.findIndex(({ run }) => run === first),
    );
  });

  test('that only reads is not held up by a change', async () => {
    const release = Promise.withResolvers<JsonObject>();
    const name = service({ change: () => release.promise });
    const change = await bed.request(planOf(step('change'), { service: name }));

    const look = await bed.request(planOf(step('look'), { service: name, changes: false }));

    expect((await bed.ended(look)).status).toBe('succeeded');
    expect(bed.history.run(change).status).toBe('running');
    release.resolve({});
    await bed.ended(change);
  });

  test('that is cancelled stops its step, puts back what was done, and ends as cancelled', async () => {
    const name = service({ capture: untilAborted });
    const plan = planOf(guard(inSequence(step('stop'), step('capture')), 'start'), { service: name });
    const run = await bed.request(plan);
    await eventually('the step works', () => stepsOf(run).includes('capture'));

    await bed.engine.cancel(run);
    const detail = await bed.ended(run);

    expect(detail.status).toBe('cancelled');
    expect(stepsOf(run)).toEqual(['stop', 'capture', 'start']);
    expect(detail.steps.find(({ name: key }) => key === 'capture')).toMatchObject({ errorCode: 'HA_CANCELLED' });
  });

  test('that is cancelled while its step waits for a worker does not begin it', async () => {
    const plan = planOf(inSequence(step('here', { undo: true }), step('away', { host: 'nowhere' })), {
      service: service(),
    });
    const run = await bed.request(plan);
    await eventually('the step waits', () => bed.history.run(run).steps[1]?.status === 'dispatched');

    await bed.engine.cancel(run);
    const detail = await bed.ended(run);

    expect(detail.status).toBe('cancelled');
    expect(detail.steps.map((view) => [view.name, view.status])).toEqual([
      ['here', 'succeeded'],
      ['away', 'withdrawn'],
      ['undo-here', 'succeeded'],
    ]);
  });

  test('that waits for its service can be cancelled before it begins', async () => {
    const release = Promise.withResolvers<JsonObject>();
    const name = service({ first: () => release.promise });
    const first = await bed.request(planOf(step('first'), { service: name }));
    const second = await bed.request(planOf(step('second'), { service: name }));

    await bed.engine.cancel(second);

    expect(bed.history.run(second)).toMatchObject({ status: 'cancelled', startedAt: null });
    release.resolve({});
    expect((await bed.ended(first)).status).toBe('succeeded');
  });

  test('that is asked for twice with the same id is one run', async () => {
    const acceptance = { plan: planOf(step('a'), { service: service() }), input: {}, notBefore: null };
    const rest = { retryOf: null, schedule: null, reuse: [] };
    const id = 'bcdfghjkmnpq';

    await bed.engine.accept({ id, ...acceptance, ...rest });
    await bed.engine.accept({ id, ...acceptance, ...rest });
    await bed.ended(id);

    expect(stepsOf(id)).toEqual(['a']);
  });

  test('retried from a step takes over the results before it', async () => {
    const name = service();
    const plan = planOf(inSequence(step('a'), step('b'), step('c')), { service: name });
    const id = 'bcdfghjkmnpr';
    const reuse = [{ key: 'a', output: { made: 1 } }];

    await bed.engine.accept({ id, plan, input: {}, notBefore: null, retryOf: 'x', schedule: null, reuse });
    const { status, steps } = await bed.ended(id);

    expect(status).toBe('succeeded');
    expect(stepsOf(id)).toEqual(['b', 'c']);
    expect(steps[0]).toMatchObject({ status: 'reused' });
  });
});

describe('admission', () => {
  test('runs of one workflow wait when as many go on as the limit allows, and keep their order', async () => {
    const gates = new Map<string, PromiseWithResolvers<JsonObject>>();
    const order: string[] = [];
    await using limited = await startTestEngine(
      async ({ service: name }) => {
        order.push(name);
        return gates.get(name)?.promise ?? {};
      },
      { backup: 1 },
    );
    for (const name of ['one', 'two', 'three']) gates.set(name, Promise.withResolvers());
    const runs: string[] = [];
    for (const name of gates.keys()) runs.push(await limited.request(planOf(step('a'), { service: name })));

    for (const [index, gate] of [...gates.values()].entries()) {
      await eventually('the next run works', () => order.length === index + 1);
      gate.resolve({});
    }
    for (const run of runs) await limited.ended(run);

    expect(order).toEqual(['one', 'two', 'three']);
  });
});
