/** The engine's transport over BullMQ: a root job a run, its steps as children in the queues of their hosts. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { StepMessage, Transport } from '#engine/ports.ts';
import { pause } from '#kernel/wait.ts';
import { readChildren } from '#queue/children.ts';
import { publishEvent } from '#queue/events.ts';
import {
  CANCEL_CHANNEL,
  cancelledKey,
  PREFIX,
  PROTOCOL,
  RUNS_QUEUE,
  stepJobId,
  stepQueueName,
  workerKindOf,
} from '#queue/names.ts';
import { KEEP_JOBS } from '#queue/timing.ts';
import type { PlannedStep, UndoStep } from '#sdk/plan.ts';

export interface QueueTransport extends Transport, AsyncDisposable {
  runs: Queue;
  /** The queue of a step, opened on first use. */
  queueOf(step: PlannedStep | UndoStep): Queue;
  /** Opens the queue of a host before anything is sent there, so that the queue page shows it. */
  open(name: string): Queue;
  queues(): Queue[];
  /** Whether Redis answers now. */
  answers(): Promise<boolean>;
}

/** A question to Redis that is not answered in this time (milliseconds) is as good as no. */
const ANSWER_MS = 1_000;

/** Long after any attempt of ours; a step that is still cancelled then has long been seen to. */
const CANCEL_MEMORY_S = 7 * 24 * 3600;

export function createTransport(
  redis: Redis,
  describe: (run: string) => { workflow: string; service: string },
): QueueTransport {
  const queues = new Map<string, Queue>();
  const open = (name: string): Queue => {
    const queue = queues.get(name) ?? makeQueue(redis, name);
    queues.set(name, queue);
    return queue;
  };
  const runs = open(RUNS_QUEUE);
  /** Without effect when the root is there. */
  const addRoot = (run: string) => {
    const { workflow, service } = describe(run);
    return runs.add(workflow, { service }, rootOptions(run));
  };
  const queueOf = (step: PlannedStep | UndoStep) => open(stepQueueName(workerKindOf(step.plugin.kind), step.host));

  return {
    runs,
    open,
    queueOf,
    queues: () => [...queues.values()],
    answers: () =>
      Promise.race([
        redis.ping().then(
          () => true,
          () => false,
        ),
        pause(ANSWER_MS).then(() => false),
      ]),

    async start(run) {
      await addRoot(run);
    },

    async wake(run) {
      await addRoot(run);
      const state = await runs.getJobState(run);
      if (state !== 'completed' && state !== 'failed') return;
      // Redis remembers an end that the history does not know: the history has the say.
      await runs.remove(run, { removeChildren: false });
      await addRoot(run);
    },

    async send(message) {
      const queue = queueOf(message.step);
      const jobId = stepJobId(message.run, message.step.key);
      if (message.mayHaveRun) await forget(queue, jobId);
      await queue.add(message.step.title, { ...message, protocol: PROTOCOL }, stepOptions(message, runs.qualifiedName));
    },

    async cancel(run, steps) {
      const withdrawn: string[] = [];
      await redis.set(cancelledKey(run), '1', 'EX', CANCEL_MEMORY_S);
      for (const step of steps) {
        if (await withdraw(queueOf(step), stepJobId(run, step.key))) withdrawn.push(step.key);
      }
      await redis.publish(CANCEL_CHANNEL, run);
      return { withdrawn };
    },

    async takeBack(run, step) {
      const job = await queueOf(step).getJob(stepJobId(run, step.key));
      return (
        job === undefined ||
        (await job.remove().then(
          () => true,
          () => false,
        ))
      );
    },

    children: (run) => readChildren({ redis, queue: open }, run),

    tell(event) {
      publishEvent(redis, event);
    },

    async [Symbol.asyncDispose]() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

/** A queue that only adds and looks; workers are elsewhere. */
function makeQueue(redis: Redis, name: string): Queue {
  const queue = new Queue(name, { connection: redis, prefix: PREFIX });
  queue.on('error', () => undefined);
  return queue;
}

function rootOptions(run: string) {
  return {
    jobId: run,
    // An exception in the loop (a busy disk, a bug) must look again, not end the run.
    attempts: 1_000_000,
    backoff: { type: 'fixed', delay: 1_000 },
    removeOnComplete: KEEP_JOBS,
    removeOnFail: KEEP_JOBS,
  };
}

function stepOptions(message: StepMessage, parentQueue: string) {
  return {
    jobId: stepJobId(message.run, message.step.key),
    parent: { id: message.run, queue: parentQueue },
    // The root wakes when no child is pending, and sees a failure as a value: the engine decides what it means.
    ignoreDependencyOnFailure: true,
    attempts: message.step.retry.attempts,
    backoff: { type: 'capped' },
    removeOnComplete: KEEP_JOBS,
    removeOnFail: KEEP_JOBS,
  };
}

/** @returns whether the job was taken out before any worker had begun it. */
async function withdraw(queue: Queue<StepMessage>, jobId: string): Promise<boolean> {
  const job = await queue.getJob(jobId);
  // One that was sent again counts nothing: an earlier dispatch of it may have been begun.
  if (job === undefined || job.attemptsStarted > 0 || job.data.mayHaveRun) return false;
  try {
    await job.remove();
    return true;
  } catch {
    // A worker has just taken it; it will be told to stop.
    return false;
  }
}

/** A leftover of an earlier dispatch would swallow a new one with the same id. */
async function forget(queue: Queue, jobId: string): Promise<void> {
  const job = await queue.getJob(jobId);
  await job?.remove().catch(() => undefined);
}
