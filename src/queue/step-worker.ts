/** Works the queue of one kind of worker on one host: performs steps, reports them, and stops when it lost the right to. */
import type { Job } from 'bullmq';
import { DelayedError, UnrecoverableError, Worker } from 'bullmq';
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
import { endIfDeaf, fenceOf } from '#queue/fence.ts';
import type { HandoverPorts, SentStep } from '#queue/handover.ts';
import { mayHaveRun, noteHolder, noteStopped, takeOver } from '#queue/handover.ts';
import type { Heartbeat, Hold } from '#queue/heartbeat.ts';
import { startHeartbeat } from '#queue/heartbeat.ts';
import type { Lease } from '#queue/lease.ts';
import { instant, isOurs, renewLease, renewLock } from '#queue/lease.ts';
import type { WorkerKind } from '#queue/names.ts';
import { PREFIX, PROTOCOL, presenceKey, stepQueueName } from '#queue/names.ts';
import { releaseStepsOfTheDead } from '#queue/orphans.ts';
import { agreeWithController } from '#queue/presence.ts';
import { DEAF_MS, LOCK_MS, LOST_DEAF_MS, OBEY_MS, OVERDUE_MS, STALLED_CHECK_MS } from '#queue/timing.ts';
import type { Log, Progress } from '#sdk/tools.ts';

export interface StepContext {
  signal: AbortSignal;
  /**
   * Fires the signal when the step may be somebody else's by now. To be asked at each change: who stood still longer
   * than a lock lives must not go on where he stood, not even until his watch has noticed.
   */
  fence(): void;
  log: Log;
  progress(progress: Progress): void;
}

export interface StepWorkerPorts extends HandoverPorts {
  /** For the heartbeat's own connection. */
  address: RedisAddress;
  kind: WorkerKind;
  concurrency: number;
  cancels: CancelWatch;
  log: Log;
  /** Performs the step. What it returns, logs and throws holds no secret: all of it goes through Redis. */
  perform(message: StepMessage, context: StepContext): Promise<JsonObject>;
  /** How long after its time limit a step is taken for endless. Default: a minute; only drills give their own. */
  overdueMs?: number;
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
  const plan = {
    address: ports.address,
    queueKey: `${PREFIX}:${queue}`,
    presence: presenceKey(ports.kind, ports.host, process.pid),
  };
  const heartbeat = await startHeartbeat(worker, plan, (job: Job<SentStep>) => {
    return job.data.step.timeoutMs + (ports.overdueMs ?? OVERDUE_MS);
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
  const hold = desk.heartbeat?.holdOn(id);
  const before = desk.executions.get(id) ?? Promise.resolve();
  const mine = before.then(
    () => performStep(desk, turn, hold),
    () => performStep(desk, turn, hold),
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

async function performStep({ ports }: Desk, { job, lost }: Turn, hold: Hold | undefined): Promise<StepResult> {
  // The controller was exchanged while we ran: whoever starts us again may start the new version.
  if (job.data.protocol !== PROTOCOL) ports.abandon();
  if (hold === undefined || !(await stillOurs(ports, job, hold.lease))) throw new DelayedError();
  const message = job.data;
  const startedAt = new Date().toISOString();
  // The usual case does not wait for Redis: there is nobody to be sent away.
  if (!mayHaveRun(job)) void noteHolder(ports, job);
  using cancel = ports.cancels.watch(message);
  const tell = teller(ports, job);
  tell.step('running', null);
  faultPoint('step.before');
  const fenced = fenceOf(hold.lease, lost);
  const signal = AbortSignal.any([fenced.signal, cancel.signal, ports.stopping]);
  using _deaf = endIfDeaf(cancel.signal, DEAF_MS, ports.abandon);
  using _lost = endIfDeaf(fenced.signal, LOST_DEAF_MS, ports.abandon);
  try {
    fenced.fence();
    signal.throwIfAborted();
    const story = mayHaveRun(job) ? await takeOver(ports, job) : null;
    if (story === undefined) throw new DelayedError();
    if (story !== null) tell.step('running', story);
    // A step that a cancel cut short is not begun once more only to be cut short again.
    if (mayHaveRun(job)) await cancel.asked;
    fenced.fence();
    signal.throwIfAborted();
    const output = await ports.perform(
      { ...message, mayHaveRun: mayHaveRun(job) },
      { signal, fence: fenced.fence, log: tell.log, progress: tell.progress },
    );
    faultPoint('step.effect');
    const attempts = job.attemptsMade + 1;
    return { status: 'succeeded', attempts, startedAt, finishedAt: new Date().toISOString(), output };
  } catch (error) {
    // Not a failure of the step: its lock runs out, and the next worker takes it up.
    if (fenced.signal.aborted || error instanceof DelayedError) throw new DelayedError();
    if (ports.stopping.aborted) {
      await noteStopped(ports, job);
      throw new DelayedError();
    }
    const told = cancel.signal.aborted ? cancelled(error) : error;
    const text = encodeError(told);
    const final = isFinal(told, message.role) || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    // A step that is tried again has not failed: who follows the run must not read that it has.
    tell.step(final ? 'failed' : 'dispatched', errorFacts(told).message);
    throw final ? new UnrecoverableError(text) : new Error(text);
  }
}

/** A worker that stood still after it had asked for the job may have lost it before it ever saw it. */
async function stillOurs(ports: StepWorkerPorts, job: Job<SentStep>, lease: Lease): Promise<boolean> {
  if (isOurs(lease)) return true;
  const asked = instant();
  const queueKey = `${PREFIX}:${stepQueueName(ports.kind, ports.host)}`;
  const renewed = renewLock(ports.redis, queueKey, { job: job.id ?? '', token: job.token ?? '' });
  const ours = await Promise.race([renewed, pause(OBEY_MS)]);
  if (ours === true) renewLease(lease, asked);
  return ours === true;
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
  'HA_REMOTE_REFUSED',
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
