/** Any interleaving of results, losses, crashes, cancels and retries, over the real journal, ends each run exactly once and rightly. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '#engine/engine.ts';
import { createEngine } from '#engine/engine.ts';
import type { Journal } from '#engine/ports.ts';
import { reusable } from '#engine/retry.ts';
import { isTerminal } from '#engine/run.ts';
import { newId } from '#kernel/ids.ts';
import type { Plan } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';
import type { Database } from '#store/database.ts';
import { openDatabase } from '#store/database.ts';
import { createJournal } from '#store/journal.ts';
import { planArbitrary } from '#test/engine/plan-arbitrary.ts';
import type { UnreliableWorld } from '#test/engine/unreliable-transport.ts';
import { unreliableWorld } from '#test/engine/unreliable-transport.ts';
import { planOf } from '#test/support/plans.ts';
import type { TempDir } from '#test/support/tmp.ts';
import { tempDir } from '#test/support/tmp.ts';

let dir: TempDir;
let db: Database;

beforeAll(async () => {
  dir = await tempDir();
  db = openDatabase(join(dir.path, 'state.db'));
});

afterAll(async () => {
  db[Symbol.dispose]();
  await dir[Symbol.asyncDispose]();
});

type Move =
  | { is: 'work'; index: number; loses: boolean }
  | { is: 'look' | 'nudge' | 'cancel' | 'retry'; run: number }
  | { is: 'die'; call: number }
  | { is: 'restart' | 'forget' | 'reconcile' };

const index = fc.nat(7);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ is: fc.constant('work' as const), index, loses: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constantFrom('look' as const, 'nudge' as const), run: index }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('cancel' as const), run: index }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('retry' as const), run: index }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('die' as const), call: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constantFrom('restart' as const, 'forget' as const, 'reconcile' as const) }),
  },
);

/** Runs on two services, so that leases are fought for; every fourth step fails. */
const story = fc.record({
  plans: fc.array(fc.record({ root: planArbitrary(), service: fc.nat(1), changes: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
  }),
  failing: fc.nat(11),
  moves: fc.array(move, { maxLength: 60 }),
  /** After all have ended, and whoever did not succeed is retried. */
  later: fc.array(move, { maxLength: 30 }),
});

interface StagedRun {
  id: string;
  plan: Plan;
  /** Keys of steps whose results were taken over from the run that it retries. */
  reused: ReadonlySet<string>;
}

interface Stage {
  world: UnreliableWorld;
  engine: Engine;
  journal: Journal;
  runs: StagedRun[];
  /** How often each run was given a terminal status. */
  ends: Map<string, number>;
}

function stageFor(failing: number): Stage {
  // A cell each: every story has names of its own in the one state file.
  const world = unreliableWorld((key) => Number(key.replace(/\D/g, '')) % 12 === failing);
  const ends = new Map<string, number>();
  const real = createJournal(db, { now: () => new Date() });
  const journal: Journal = {
    ...real,
    finish(run, ending) {
      const first = real.finish(run, ending);
      if (first) ends.set(run, (ends.get(run) ?? 0) + 1);
      return first;
    },
  };
  return { world, journal, ends, runs: [], engine: newEngine(world, journal) };
}

function newEngine(world: UnreliableWorld, journal: Journal): Engine {
  return createEngine({ journal, transport: world.transport, limits: { atOnce: new Map() }, now: () => new Date() });
}

/** What a dying engine throws is nobody's business: the next one takes over. */
async function play(stage: Stage, { is, ...details }: Move): Promise<void> {
  const { world, engine, runs } = stage;
  const run = 'run' in details ? (runs[details.run % runs.length]?.id ?? '') : '';
  try {
    if (is === 'look' && world.awake.delete(run)) await engine.advance(run);
    if (is === 'nudge') await engine.nudge(run);
    if (is === 'cancel') await engine.cancel(run);
    if (is === 'retry') await retry(stage, run);
    if (is === 'reconcile') await engine.reconcile();
    if (is === 'forget') world.forget();
    if ('index' in details) world.work(details.index, details.loses);
    if ('call' in details) world.dieAt(details.call);
    if (is === 'restart') await restart(stage);
  } catch {
    await restart(stage);
  }
}

/** As `runs retry` does it: a new run that takes over what need not be done again. */
async function retry({ engine, journal, runs }: Stage, id: string): Promise<void> {
  const old = journal.run(id);
  if (old === undefined || !isTerminal(old.status) || old.status === 'succeeded') return;
  const { keys } = reusable(old.plan.root, old.states, null);
  const again = newId();
  runs.push({ id: again, plan: old.plan, reused: new Set(keys) });
  const reuse = keys.map((key) => ({ key, output: old.states.get(key)?.output ?? {} }));
  await engine.accept({ id: again, plan: old.plan, input: {}, notBefore: null, retryOf: id, schedule: null, reuse });
}

async function restart(stage: Stage): Promise<void> {
  stage.world.bornAgain();
  stage.engine = newEngine(stage.world, stage.journal);
  await stage.engine.resume();
}

/** From now on nothing goes wrong any more: everything must come to its end. */
async function calm(stage: Stage): Promise<void> {
  await restart(stage);
  for (let round = 0; round < 500; round++) {
    await stage.engine.reconcile();
    for (const run of [...stage.world.awake]) {
      stage.world.awake.delete(run);
      await stage.engine.advance(run);
    }
    while (stage.world.waiting.length > 0) stage.world.work(0, false);
    if (stage.runs.every(({ id }) => isTerminal(stage.journal.run(id)?.status ?? 'queued'))) return;
  }
}

const changersAtWork = (): unknown[] =>
  db
    .sql(`SELECT service FROM runs WHERE status = 'running' AND changes = 1 GROUP BY service HAVING count(*) > 1`)
    .all();

test('every run ends exactly once, with every effect complete or undone, and never two changes of one service at a time', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ plans, failing, moves, later }) => {
      const stage = stageFor(failing);
      const name = newId();
      for (const { root, service, changes } of plans) {
        const plan = planOf(root, { service: `${name}-${service}`, changes });
        const id = newId();
        stage.runs.push({ id, plan, reused: new Set() });
        await stage.engine.accept({ id, plan, input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] });
      }

      const playAll = async (some: readonly Move[]) => {
        for (const each of some) {
          await play(stage, each);
          expect(changersAtWork()).toEqual([]);
        }
        await calm(stage);
      };
      await playAll(moves);
      const retries = [...stage.runs.keys()].map((run): Move => ({ is: 'retry', run }));
      await playAll([...retries, ...later]);

      for (const run of stage.runs) expect(verdict(stage, run)).toEqual([]);
    }),
    { numRuns: 200 },
  );
}, 120_000);

/** What is wrong with the end of a run. */
function verdict({ journal, world, ends }: Stage, { id, plan, reused }: StagedRun): string[] {
  const run = journal.run(id);
  if (run === undefined || !isTerminal(run.status)) return [`${run?.status} for ever`];
  const problems = ends.get(id) === 1 ? [] : [`ended ${ends.get(id)} times`];
  if (run.status === 'needs_attention') problems.push('an undo failed, which none does here');
  for (const step of planSteps(plan.root)) {
    const there = reused.has(step.key) || world.effects.get(`${id} ${step.key}`) === true;
    if (reused.has(step.key) && step.undo !== null) problems.push(`${step.key} was taken over although it was undone`);
    if (run.status === 'succeeded' && !there) problems.push(`${step.key} is missing`);
    if (run.status !== 'succeeded' && step.undo !== null && there) problems.push(`${step.key} was not undone`);
  }
  return problems;
}
