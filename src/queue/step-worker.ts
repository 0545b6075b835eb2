/** Works the queue of one kind of worker on one host: performs steps, reports them, and stops when it lost the right to. */
import type { Job } from 'bullmq';
import { DelayedError, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { StepMessage, StepResult } from '#engine/ports.ts';
import type { StepStatus } from '#engine/run.ts';
import type { ErrorCode } from '#kernel/errors.ts';
import { AutopilotError, errorFacts } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import type { JsonObject } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import type { CancelWatch } from '#queue/cancel-watch.ts';
import type { RedisAddress } from '#queue/connection.ts';
import { encodeError } from '#queue/errors.ts';
import { publishEvent } from '#queue/events.ts';
import type { Heartbeat } from '#queue/heartbeat.ts';
import { startHeartbeat } from '#queue/heartbeat.ts';
import { ageOfMemory } from '#queue/memory.ts';
import type { WorkerKind } from '#queue/names.ts';
import { heardKey, holderKey, PREFIX, PROTOCOL, presenceKey, stepQueueName } from '#queue/names.ts';
import { releaseStepsOfTheDead } from '#queue/orphans.ts';
import { agreeWithController } from '#queue/presence.ts';
import { DEAF_MS, FORGOTTEN_MS, HOLDER_MEMORY_S, LOCK_MS, STALLED_CHECK_MS } from '#queue/timing.ts';
import type { Log, Progress } from '#sdk/tools.ts';

/** A step as it lies in the queue. */
type SentStep = StepMessage & { protocol: number };

export interface StepContext {
  signal: AbortSignal;
  log: Log;
  progress(progress: Progress): void;
}

export interface StepWorkerPorts {
  redis: Redis;
  /** For the heartbeat's own connection. */
  address: RedisAddress;
  kind: WorkerKind;
  host: string;
  concurrency: number;
  cancels: CancelWatch;
  log: Log;
  /** Performs the step. What it returns, logs and throws holds no secret: all of it goes through Redis. */
  perform(message: StepMessage, context: StepContext): Promise<JsonObject>;
  /** This process, so that a replacement can tell it from others. */
  identity: string;
  /** Ends another process that may still be at a step which was given to us. */
  endPredecessor(identity: string): Promise<void>;
  /** Whether a process is known to have ended. */
  isGone(identity: string): Promise<boolean>;
  /** Ends this process: a step goes on although it must not, and nothing else stops it. */
  abandon(): void;
  /** Fires when this process is being stopped for good: what is cut short then is left to the next worker. */
  stopping: AbortSignal;
}

/** A step that was given to this many workers, each of which died of it, is not given to another. */
const MAX_DEATHS = 20;

/** Progress is told at most this often (milliseconds). */
const PROGRESS_EVERY_MS = 250;

export async function startStepWorker(ports: StepWorkerPorts): Promise<AsyncDisposable> {
  const queue = stepQueueName(ports.kind, ports.host);
  const desk: Desk = { ports, executions: new Map(), heartbeat: undefined };
  const worker = new Worker<SentStep, StepResult>(
    queue,
    // The third parameter must be declared: BullMQ makes a signal only for processors that take one.
    (job, _token, signal) => takeTurn(desk, { job, lost: signal ?? new AbortController().signal }),
    {
      connection: ports.redis,
      prefix: PREFIX,
      autorun: false,
      concurrency: ports.concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_DEATHS,
      name: `${ports.host}:${process.pid}`,
      settings: { backoffStrategy: (attempt, _type, _error, job) => backoff(attempt, job) },
    },
  );
  worker.on('error', (error) => ports.log.warn('step worker: redis trouble', { error: error.message }));
  const ended = (status: StepStatus) => (job: Job<SentStep> | undefined) => {
    // The job has counted this attempt by now. One that waits for its next attempt has not ended.
    if (job?.finishedOn) teller(ports, job).step(status, null, job.attemptsMade);
  };
  // Told when Redis has the result, not before: who hears of it will look for it there.
  worker.on('completed', (job) => {
    faultPoint('step.after');
    ended('succeeded')(job);
  });
  worker.on('failed', ended('failed'));
  await worker.waitUntilReady();
  await agreeWithController(ports.redis);
  const heartbeat = await startHeartbeat(worker, {
    address: ports.address,
    queueKey: `${PREFIX}:${queue}`,
    presence: presenceKey(ports.kind, ports.host, process.pid),
  });
  desk.heartbeat = heartbeat;
  await releaseStepsOfTheDead(ports.redis, queue, ports.isGone);
  // From here on: a step that is taken before the heartbeat listens would go without one.
  worker.run().catch((error: unknown) => ports.log.error('step worker: stopped', { error: String(error) }));
  return {
    async [Symbol.asyncDispose]() {
      await worker.close(ports.stopping.aborted);
      await heartbeat[Symbol.asyncDispose]();
    },
  };
}

/** What the executions of one worker share. */
interface Desk {
  ports: StepWorkerPorts;
  /** Executions that have not come to their end, by job. */
  executions: Map<string, Promise<unknown>>;
  /** Undefined while the worker has not begun. */
  heartbeat: Heartbeat | undefined;
}

interface Turn {
  job: Job<SentStep>;
  /** Fires when the lock is lost. */
  lost: AbortSignal;
}

/** The queue may give a lost step to the very worker that lost it: then its first execution must end before the second. */
async function takeTurn(desk: Desk, turn: Turn): Promise<StepResult> {
  const id = turn.job.id ?? '';
  const hold = desk.heartbeat?.numberOf(id);
  const before = desk.executions.get(id) ?? Promise.resolve();
  const mine = before.then(
    () => performStep(desk, turn),
    () => performStep(desk, turn),
  );
  desk.executions.set(id, mine);
  try {
    return await mine;
  } catch (error) {
    // Left to the next worker: nobody will tell of its end.
    if (error instanceof DelayedError) desk.heartbeat?.release(id, hold);
    throw error;
  } finally {
    if (desk.executions.get(id) === mine) desk.executions.delete(id);
    // Redis may refuse the result (its disk is full). A lock that is renewed for ever would keep the step from being
    // done again; when the result was taken this changes nothing.
    setTimeout(() => desk.heartbeat?.release(id, hold), LOCK_MS).unref();
  }
}

async function performStep({ ports }: Desk, { job, lost }: Turn): Promise<StepResult> {
  // The controller was exchanged while we ran: whoever starts us again may start the new version.
  if (job.data.protocol !== PROTOCOL) ports.abandon();
  const message = job.data;
  const startedAt = new Date().toISOString();
  using cancel = ports.cancels.watch(message);
  const tell = teller(ports, job);
  tell.step('running', null);
  faultPoint('step.before');
  const signal = AbortSignal.any([lost, cancel.signal]);
  using _deaf = endIfDeaf(signal, ports.abandon);
  try {
    lost.throwIfAborted();
    const story = await takeOver(ports, job);
    if (story !== null) tell.step('running', story);
    // A step that a cancel cut short is not begun once more only to be cut short again.
    if (mayHaveRun(job)) await cancel.asked;
    signal.throwIfAborted();
    const output = await ports.perform(
      { ...message, mayHaveRun: mayHaveRun(job) },
      { signal, log: tell.log, progress: tell.progress },
    );
    faultPoint('step.effect');
    const attempts = job.attemptsMade + 1;
    return { status: 'succeeded', attempts, startedAt, finishedAt: new Date().toISOString(), output };
  } catch (error) {
    // Not a failure of the step: its lock runs out, and the next worker takes it up.
    if (ports.stopping.aborted || lost.aborted) throw new DelayedError();
    const told = cancel.signal.aborted ? cancelled(error) : error;
    const text = encodeError(told);
    const final = isFinal(told, message.role) || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    // A step that is tried again has not failed: who follows the run must not read that it has.
    tell.step(final ? 'failed' : 'dispatched', errorFacts(told).message);
    throw final ? new UnrecoverableError(text) : new Error(text);
  }
}

/** A second start of the same job means that an earlier one was cut short somewhere in its middle. */
function mayHaveRun(job: Job<SentStep>): boolean {
  return job.data.mayHaveRun || job.attemptsStarted > job.attemptsMade + 1;
}

/** A plugin that ignores its signal would go on beside its replacement, or beside what puts its work back. */
function endIfDeaf(signal: AbortSignal, abandon: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(abandon, DEAF_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    [Symbol.dispose]() {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    },
  };
}

/**
 * Writes down who has the step now; if somebody may have had it before, makes sure that he has let go of it.
 * @returns what became of him, for the run's story.
 */
async function takeOver(ports: StepWorkerPorts, job: Job<SentStep>): Promise<string | null> {
  const key = holderKey(job.id ?? '');
  const noted = ports.redis.set(key, ports.identity, 'EX', HOLDER_MEMORY_S, 'GET').catch(() => null);
  // The usual case does not wait for Redis: there is nobody to be sent away.
  if (!mayHaveRun(job)) return null;
  const previous = await noted;
  const { key: step } = job.data.step;
  const tellOf = async (what: string) => {
    const heard = await ports.redis.get(heardKey(job.id ?? ''));
    const lately = heard === null ? '' : ` (last heard of at ${clock(Number(heard))})`;
    return `worker ${ports.host} ${what} in step ${step}${lately}; resumed at ${clock(Date.now())} on attempt ${Math.max(2, job.attemptsStarted)}`;
  };
  if (previous === ports.identity) return tellOf('lost touch with Redis');
  if (previous !== null) {
    const died = await ports.isGone(previous);
    await ports.endPredecessor(previous);
    return tellOf(died ? 'died' : 'did not answer any more and was ended');
  }
  if (!job.data.mayHaveRun) return tellOf('died at the beginning');
  // Redis lost its memory while somebody may have had the step: he has let go when he must have missed his lock.
  await pause(Math.max(0, FORGOTTEN_MS - (await ageOfMemory(ports.redis))));
  return null;
}

/** The time of day, as the clock on the wall of that host shows it. */
function clock(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

function cancelled(cause: unknown): AutopilotError {
  return new AutopilotError('HA_CANCELLED', 'stopped because the run was cancelled', { cause });
}

/** What time or a person can cure: no reason to leave something half changed. */
const CURABLE: ReadonlySet<ErrorCode> = new Set([
  'HA_NO_SPACE',
  'HA_DESTINATION_UNUSABLE',
  'HA_SOURCE_UNREADABLE',
  'HA_TOOL_MISSING',
  'HA_SECRET_UNAVAILABLE',
]);

function isFinal(error: unknown, role: StepMessage['role']): boolean {
  if (!(error instanceof AutopilotError) || error.retryable) return false;
  return role === 'forward' || !CURABLE.has(error.code);
}

function teller(ports: StepWorkerPorts, job: Job<SentStep>) {
  const { run, step } = job.data;
  const base = () => ({ run, step: step.key, at: new Date().toISOString() });
  let lastProgress = 0;
  const line =
    (level: keyof Log) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      const plain = JSON.parse(JSON.stringify(fields)) as JsonObject;
      publishEvent(ports.redis, { type: 'log', ...base(), level, message, fields: plain });
    };
  return {
    step(status: StepStatus, text: string | null, attempt = job.attemptsMade + 1) {
      publishEvent(ports.redis, { type: 'step', ...base(), status, attempt, text });
    },
    progress(progress: Progress) {
      if (Date.now() - lastProgress < PROGRESS_EVERY_MS) return;
      lastProgress = Date.now();
      publishEvent(ports.redis, { type: 'progress', ...base(), progress });
    },
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
  };
}

/** Doubling, capped, with 30 % jitter so that many steps that failed together do not return together. */
function backoff(attempt: number, job: { data: SentStep } | undefined): number {
  const policy = job?.data.step.retry ?? { backoffMs: 1_000, maxBackoffMs: 60_000 };
  const wait = Math.min(policy.backoffMs * 2 ** (attempt - 1), policy.maxBackoffMs);
  return Math.round(wait * (0.7 + 0.6 * Math.random()));
}
