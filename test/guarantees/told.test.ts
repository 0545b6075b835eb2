/** Whatever fails in a backup or an update, and wherever the controller fails over it, a person is told of it once. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { announceRun } from '#app/announce.ts';
import { makePlan } from '#app/planning.ts';
import { createEngine } from '#engine/engine.ts';
import type { TerminalStatus } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { allSteps } from '#engine/steps.ts';
import { createCatalog } from '#host/catalog.ts';
import type { FaultPoint } from '#kernel/fault.ts';
import { faultPoints, PASSAGES_FILE } from '#kernel/fault.ts';
import { newId } from '#kernel/ids.ts';
import { plugin as local } from '#plugins/destinations/local/index.ts';
import { plugin as compose } from '#plugins/services/docker-compose/index.ts';
import type { Plan } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';
import type { Workflow } from '#sdk/workflow.ts';
import type { Database } from '#store/database.ts';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { unreliableWorld } from '#test/engine/unreliable-transport.ts';
import { tempDir } from '#test/support/tmp.ts';
import { workflow as backup } from '#workflows/backup.ts';
import { workflow as update } from '#workflows/update.ts';

/** The points read where their orders are when they are loaded, which is before anything else here is. */
const orders = await vi.hoisted(async () => {
  const { mkdtemp } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const folder = await mkdtemp(`${tmpdir()}/ha-told-`);
  process.env['HOMELAB_AUTOPILOT_FAULTS'] = folder;
  return folder;
});

let db: Database;
let close: () => Promise<void>;

beforeAll(async () => {
  const dir = await tempDir();
  db = openDatabase(join(dir.path, 'state.db'));
  close = async () => {
    db[Symbol.dispose]();
    await dir[Symbol.asyncDispose]();
    rmSync(orders, { recursive: true });
  };
});
afterAll(() => close());

const channels = [{ name: 'mail', type: 'email', config: {} }];
const routes = [{ events: ['*'], services: null, channels: ['mail'], quietHours: null }];
const service = serviceNamed('notes', { type: 'docker-compose', config: { path: '/opt/notes' } });
const config = configOf({
  services: [service],
  notifications: { cooldownMs: 0, channels, routes, report: null },
});

function planOf(workflow: Workflow, run: string): Plan {
  const planner = {
    settings: { config, catalog: createCatalog([compose, local]) },
    restorePoints: () => [],
    decisions: () => [],
    servesHypervisors: () => true,
  };
  return makePlan(planner, workflow, { run, service, input: {} });
}

interface Wish {
  /** Steps that fail whenever they are tried. */
  failing?: readonly string[];
  /** Steps of the way back, or that tidy up, that fail. */
  stuck?: readonly string[];
  /** Each step is worked a first time by a worker that dies before anybody hears of it. */
  loses?: boolean;
}

/** Plays one run to its end, over every engine that dies on the way. */
async function played(workflow: Workflow, { failing = [], stuck = [], loses = false }: Wish) {
  const now = () => new Date();
  const history = createHistory(db);
  const outbox = createOutbox(db, { now });
  // The short names of runs are not unique among so many, so messages are told apart by when they were written.
  const told = () => createOutboxLog(db).entries(100_000);
  const before = told().length;
  const onFinished = (id: string) => announceRun(id, { config, history, outbox }, now());
  const journal = createJournal(db, { now, onFinished });
  const world = unreliableWorld(
    (key) => failing.includes(key),
    (key) => stuck.includes(key),
  );
  const engineOf = () => createEngine({ journal, transport: world.transport, limits: { atOnce: new Map() }, now });
  let engine = engineOf();
  const orDie = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch {
      engine = engineOf();
      await engine.resume().catch(() => undefined);
    }
  };
  const id = newId();
  const rest = { id, input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] };
  const plan = planOf(workflow, id);
  const ended = () => {
    const status = journal.run(id)?.status;
    return status !== undefined && isTerminal(status);
  };
  for (let turn = 0; turn < 1_000 && !ended(); turn++) {
    // Whoever asked and got no answer asks again, with the same id.
    if (journal.run(id) === undefined) await orDie(() => engine.accept({ ...rest, plan }));
    await orDie(() => engine.reconcile());
    for (const run of [...world.awake]) {
      world.awake.delete(run);
      await orDie(() => engine.advance(run));
    }
    if (loses) world.work(0, true);
    while (world.waiting.length > 0) world.work(0, false);
  }
  // A controller that starts anew looks at everything once more.
  await orDie(() => engine.resume());
  await orDie(() => engine.advance(id));
  const all = told();
  const messages = all.slice(0, all.length - before).map(({ message }) => message.event);
  return { status: journal.run(id)?.status, messages };
}

/** What a run that ends so is told as. */
function eventFor({ name }: Workflow, status: TerminalStatus): string[] {
  const events: Record<TerminalStatus, string[]> = {
    succeeded: [`${name}_success`],
    failed: [`${name}_failed`],
    rolled_back: [name === 'update' ? 'rollback_executed' : `${name}_failed`],
    needs_attention: ['needs_attention'],
    skipped: [],
    cancelled: [],
  };
  return events[status];
}

const keysOf = (workflow: Workflow) => planSteps(planOf(workflow, 'bcdfghjkmnpq').root).map(({ key }) => key);
/** Of all that tidies up or puts back. */
const backKeys = (workflow: Workflow) =>
  allSteps(planOf(workflow, 'bcdfghjkmnpq').root)
    .filter(({ role }) => role !== 'forward')
    .map(({ step }) => step.key);

describe.each([backup, update] as const)('$name', (workflow: Workflow) => {
  test('that goes well is told once', async () => {
    const { status, messages } = await played(workflow, {});

    expect([status, messages]).toEqual(['succeeded', eventFor(workflow, 'succeeded')]);
  });

  test('that fails at any of its steps is told once, whether or not a worker died over each step', async () => {
    const seen: Record<string, number> = {};
    for (const key of keysOf(workflow)) {
      for (const loses of [false, true]) {
        const { status = 'queued', messages } = await played(workflow, { failing: [key], loses });

        expect.soft(isTerminal(status), `${key}: ${status}`).toBe(true);
        if (isTerminal(status)) expect.soft(messages, `${key}: ${status}`).toEqual(eventFor(workflow, status));
        seen[status] = (seen[status] ?? 0) + 1;
      }
    }

    expect(Object.keys(seen)).toEqual(expect.arrayContaining(['failed']));
    if (workflow === update) expect(seen['rolled_back']).toBeGreaterThan(0);
  });

  test('that fails, and cannot be put back or tidied away, is told once', async () => {
    const ends = new Set<string>();
    const last = keysOf(workflow).at(workflow === update ? keysOf(workflow).indexOf('gate') : -1) ?? '';
    for (const key of backKeys(workflow)) {
      const { status = 'queued', messages } = await played(workflow, { failing: [last, 'gate'], stuck: [key] });

      expect.soft(isTerminal(status), `${key}: ${status}`).toBe(true);
      if (isTerminal(status)) expect.soft(messages, `${key}: ${status}`).toEqual(eventFor(workflow, status));
      ends.add(status);
    }

    if (workflow === update) expect(ends).toContain('needs_attention');
  });

  /** Of a run that fails and is put back as far as can be: it passes every point of the controller. */
  const wish = { failing: workflow === update ? ['gate'] : ['seal'] };

  test('is told once wherever the controller fails over it: at each passage of each of its points', async () => {
    writeFileSync(join(orders, PASSAGES_FILE), '');
    const { status: right } = await played(workflow, wish);
    const passed = readFileSync(join(orders, PASSAGES_FILE), 'utf8').trim().split('\n');
    rmSync(join(orders, PASSAGES_FILE));
    const counts = new Map<string, number>();
    const passages = passed.map((line) => {
      const point = line.split(' ').at(-1) ?? '';
      counts.set(point, (counts.get(point) ?? 0) + 1);
      return { point, count: counts.get(point) ?? 0 };
    });

    for (const { point, count } of passages) {
      writeFileSync(join(orders, `${point}~fail~${count}`), '');
      const { status, messages } = await played(workflow, wish);
      const obeyed = readdirSync(orders).includes(`done~${point}`);
      for (const name of readdirSync(orders)) rmSync(join(orders, name));

      expect.soft(obeyed, `${point} ${count} was passed`).toBe(true);
      expect
        .soft([status, messages], `${point} ${count}`)
        .toEqual([right, eventFor(workflow, right as TerminalStatus)]);
    }

    const ofEngine = (Object.keys(faultPoints) as FaultPoint[]).filter((point) =>
      /^(?:accept|intend|send|finish)/.test(point),
    );
    expect([...counts.keys()]).toEqual(expect.arrayContaining(ofEngine));
    if (workflow === update) expect(counts.get('undo.before')).toBeGreaterThan(0);
  });
});
