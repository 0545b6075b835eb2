/** A process that performs steps: one kind of worker on one host. */
import { startChecking } from '#app/checking.ts';
import { createPerformer } from '#app/performer.ts';
import type { ProcessContext } from '#app/process.ts';
import { runProcess } from '#app/process.ts';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import { endPredecessor, isGone, processIdentity } from '#host/predecessor.ts';
import { pause } from '#kernel/wait.ts';
import { watchCancels } from '#queue/cancel-watch.ts';
import { connectRedis } from '#queue/connection.ts';
import type { WorkerKind } from '#queue/names.ts';
import { startStepWorker } from '#queue/step-worker.ts';

/** Steps that one worker performs side by side. Copies to two destinations must not wait for each other. */
const CONCURRENCY = 4;

/** When told to stop, steps may come to their end for this long (milliseconds); then they are left to the next worker. */
const DRAIN_MS = 20_000;

/** How long it may take to end their commands and to leave a word for that worker (milliseconds). */
const LET_GO_MS = 3_000;

export async function runStepWorker(kind: WorkerKind): Promise<void> {
  await runProcess(kind, (context) => startWorker(kind, context));
}

async function startWorker(kind: WorkerKind, { settings, log, host }: ProcessContext): Promise<AsyncDisposable> {
  const secrets = createSecretResolver(settings.config);
  const address = await redisAddress(settings.config, secrets);
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(connectRedis(address, 'worker'), (connection) => connection.disconnect());
  const performer = stack.use(createPerformer(settings, { host, secrets }));
  const cancels = stack.use(await watchCancels(redis, connectRedis(address, 'worker')));
  const stopping = new AbortController();
  const worker = await startStepWorker({
    redis,
    address,
    kind,
    host,
    concurrency: CONCURRENCY,
    cancels,
    log,
    perform: performer.perform,
    identity: await processIdentity(),
    endPredecessor,
    isGone,
    abandon: () => process.kill(process.pid, 'SIGKILL'),
    stopping: stopping.signal,
  });
  stack.defer(async () => {
    const drained = worker[Symbol.asyncDispose]();
    await Promise.race([drained, pause(DRAIN_MS)]);
    stopping.abort();
    await Promise.race([drained, pause(LET_GO_MS)]);
  });
  if (kind === 'service') stack.use(await startChecking({ settings, host, secrets, redis, address, log }));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
