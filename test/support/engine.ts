/** The engine with its real store and real queues in this process; only the work of the steps is the test's own. */
import { join } from 'node:path';
import type { Engine } from '#engine/engine.ts';
import { createEngine } from '#engine/engine.ts';
import type { StepMessage } from '#engine/ports.ts';
import type { RunDetail, RunEvent } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { watchCancels } from '#queue/cancel-watch.ts';
import { connectRedis } from '#queue/connection.ts';
import { readEvents } from '#queue/events.ts';
import { startRunsWorker } from '#queue/runs-worker.ts';
import type { StepContext } from '#queue/step-worker.ts';
import { startStepWorker } from '#queue/step-worker.ts';
import { createTransport } from '#queue/transport.ts';
import type { Plan } from '#sdk/plan.ts';
import type { Log } from '#sdk/tools.ts';
import { openDatabase } from '#store/database.ts';
import type { History } from '#store/history.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { startRedis } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

export const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export type Perform = (message: StepMessage, context: StepContext) => Promise<JsonObject>;

export interface TestEngine extends AsyncDisposable {
  engine: Engine;
  history: History;
  url: string;
  /** Accepts a run of this plan. @returns its id. */
  request(plan: Plan): Promise<string>;
  ended(run: string): Promise<RunDetail>;
  addWorker(host: string, perform: Perform): Promise<AsyncDisposable>;
  /** What has been told of the run so far. */
  events(run: string): Promise<RunEvent[]>;
}

export async function startTestEngine(perform: Perform, limits: Record<string, number> = {}): Promise<TestEngine> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const { url } = stack.use(await startRedis());
  const redis = stack.adopt(connectRedis({ url }, 'worker'), (connection) => connection.disconnect());
  const db = stack.use(openDatabase(join(dir.path, 'state.db')));
  const now = () => new Date();
  const journal = createJournal(db, { now });
  const history = createHistory(db);
  const transport = stack.use(createTransport(redis, (id) => history.run(id)));
  const engine = createEngine({ journal, transport, limits: { atOnce: new Map(Object.entries(limits)) }, now });
  stack.use(await startRunsWorker({ redis, advance: (run) => engine.advance(run), log: silent }));
  const cancels = stack.use(await watchCancels(redis, connectRedis({ url }, 'worker')));
  const stopping = new AbortController();
  const addWorker = (host: string, work: Perform) =>
    startStepWorker({
      redis,
      address: { url },
      kind: 'service',
      host,
      concurrency: 50,
      cancels,
      log: silent,
      perform: work,
      identity: `test-${process.pid}`,
      endPredecessor: async () => true,
      isGone: async () => false,
      abandon: () => {},
      stopping: stopping.signal,
    });
  stack.use(await addWorker('nas', perform));
  const owned = stack.move();
  return {
    engine,
    history,
    url,
    addWorker,
    async request(plan) {
      const id = newId();
      await engine.accept({ id, plan, input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] });
      return id;
    },
    ended: (run) =>
      eventually(
        `run ${run} ends`,
        () => {
          const detail = history.run(run);
          return isTerminal(detail.status) ? detail : undefined;
        },
        60_000,
      ),
    async events(run) {
      const reader = connectRedis({ url }, 'worker');
      for await (const { events } of readEvents(reader, '0-0', new AbortController().signal)) {
        reader.disconnect();
        return events.filter((event) => event.run === run);
      }
      return [];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
