/** Any interleaving of results, losses, crashes and cancels, over the real journal, ends each run exactly once and rightly. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '#engine/engine.ts';
import { createEngine } from '#engine/engine.ts';
import type { Journal } from '#engine/ports.ts';
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
  | { is: 'look' | 'nudge' | 'cancel'; run: number }
  | { is: 'die'; call: number }
  | { is: 'restart' | 'forget' | 'reconcile' };

const index = fc.nat(7);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ is: fc.constant('work' as const), index, loses: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constantFrom('look' as const, 'nudge' as const), run: index }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('cancel' as const), run: index }) },
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
});

interface Stage {
  world: UnreliableWorld;
  engine: Engine;
  journal: Journal;
  runs: { id: string; plan: Plan }[];
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
    if (is === 'reconcile') await engine.reconcile();
    if (is === 'forget') world.forget();
    if ('index' in details) world.work(details.index, details.loses);
    if ('call' in details) world.dieAt(details.call);
    if (is === 'restart') await restart(stage);
  } catch {
    await restart(stage);
  }
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
    fc.asyncProperty(story, async ({ plans, failing, moves }) => {
      const stage = stageFor(failing);
      const name = newId();
      for (const { root, service, changes } of plans) {
        const plan = planOf(root, { service: `${name}-${service}`, changes });
        const id = newId();
        stage.runs.push({ id, plan });
        await stage.engine.accept({ id, plan, input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] });
      }

      for (const each of moves) {
        await play(stage, each);
        expect(changersAtWork()).toEqual([]);
      }
      await calm(stage);

      for (const run of stage.runs) expect(verdict(stage, run)).toEqual([]);
    }),
    { numRuns: 200 },
  );
}, 120_000);

/** What is wrong with the end of a run. */
function verdict({ journal, world, ends }: Stage, { id, plan }: { id: string; plan: Plan }): string[] {
  const run = journal.run(id);
  if (run === undefined || !isTerminal(run.status)) return [`${run?.status} for ever`];
  const problems = ends.get(id) === 1 ? [] : [`ended ${ends.get(id)} times`];
  if (run.status === 'needs_attention') problems.push('an undo failed, which none does here');
  for (const step of planSteps(plan.root)) {
    const there = world.effects.get(`${id} ${step.key}`) === true;
    if (run.status === 'succeeded' && !there) problems.push(`${step.key} is missing`);
    if (run.status !== 'succeeded' && step.undo !== null && there) problems.push(`${step.key} was not undone`);
  }
  return problems;
}
