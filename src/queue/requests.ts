/** Asking the controller from another process: requests are jobs, their answers the jobs' results. */
import { once } from 'node:events';
import { Queue, QueueEvents, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Json } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import { decodeError, encodeError } from '#queue/errors.ts';
import { CONTROLLER_KEY, PREFIX, REQUESTS_QUEUE } from '#queue/names.ts';
import { releaseAll } from '#queue/orphans.ts';
import { endOfStream } from '#queue/stream.ts';
import { LOCK_MS, STALLED_CHECK_MS } from '#queue/timing.ts';

/** How long an asker waits for an answer (milliseconds). */
const ANSWER_MS = 15_000;

/** A server that says nothing for longer than that is as good as gone (milliseconds). */
const SILENCE_MS = ANSWER_MS + 3_000;

const CLOSE_MS = 1_000;

/** Answers are read at once by who asked; nobody looks at them later. */
const KEEP_ANSWERS = { age: 60, count: 100 };

/** An answer that refuses; no other answer has this shape. */
const Refusal = z.strictObject({ refused: z.string() });

export interface Request {
  method: string;
  parameters: Json;
}

/** Answers requests, one after the other in order of arrival, until it is disposed of. */
export async function answerRequests(
  redis: Redis,
  answer: (request: Request) => Promise<unknown>,
): Promise<AsyncDisposable> {
  await releaseAll(redis, REQUESTS_QUEUE);
  const worker = new Worker<Request, string>(
    REQUESTS_QUEUE,
    async ({ data }) => {
      try {
        return JSON.stringify(await answer(data));
      } catch (error) {
        // A refusal is an answer too: a failed job would be shown as trouble of ours.
        return JSON.stringify({ refused: encodeError(error) });
      }
    },
    {
      connection: redis,
      prefix: PREFIX,
      concurrency: 4,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      removeOnComplete: KEEP_ANSWERS,
      removeOnFail: KEEP_ANSWERS,
    },
  );
  worker.on('error', () => undefined);
  await worker.waitUntilReady();
  return { [Symbol.asyncDispose]: () => worker.close() };
}

export interface Asker extends AsyncDisposable {
  /**
   * @throws AutopilotError the controller's own refusal; HA_NO_CONTROLLER when none is there or it does not answer,
   * in which case the request was taken back and nothing was accepted unless the message says otherwise.
   */
  ask(request: Request): Promise<unknown>;
}

export async function openAsker(redis: Redis): Promise<Asker> {
  // Whatever it asks is answered later.
  const lastEventId = await whileConnected(redis, endOfStream(redis, `${PREFIX}:${REQUESTS_QUEUE}:events`));
  const queue = new Queue(REQUESTS_QUEUE, { connection: redis, prefix: PREFIX });
  queue.on('error', () => undefined);
  let closing = false;
  // BullMQ works on copies of this connection, which it does not always close: none of them outlives us.
  const line = redis.duplicate({ maxRetriesPerRequest: null });
  line.options.retryStrategy = (times) => (closing ? null : Math.min(100 * times, 2_000));
  line.on('error', () => undefined);
  const events = new QueueEvents(REQUESTS_QUEUE, { connection: line, prefix: PREFIX, lastEventId });
  events.on('error', () => undefined);
  const close = async (): Promise<void> => {
    // BullMQ would wait for an answer that a dead server never gives.
    closing = true;
    await Promise.race([Promise.allSettled([events.close(), queue.close()]), pause(CLOSE_MS)]);
    line.disconnect();
  };
  try {
    await whileConnected(redis, events.waitUntilReady());
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ask: (request) => whileConnected(redis, answerTo({ redis, queue, events }, request)),
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Waits for work that needs the connection, but no longer than the connection lives: what was asked on a broken one gets
 * no answer, although a new one is made.
 */
async function whileConnected<T>(redis: Redis, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const { signal } = over;
  const closed = once(redis, 'close', { signal }).then(
    () => undefined,
    () => undefined,
  );
  // Whoever has stopped waiting does not want to hear of it.
  work.catch(() => undefined);
  const done = work.then((value) => ({ value }));
  try {
    const first = await Promise.race([done, closed, pause(SILENCE_MS, signal)]);
    if (first === undefined) throw redisWentAway();
    return first.value;
  } catch (error) {
    throw error instanceof AutopilotError ? error : redisWentAway();
  } finally {
    over.abort();
  }
}

/**
 * Hears the end of one job. BullMQ's own wait also asks for the job's state, and nobody hears when that question breaks:
 * the process would end.
 */
function listenFor(events: QueueEvents, id: string): { ending: Promise<unknown> } & Disposable {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  promise.catch(() => undefined);
  const onCompleted = (told: { jobId: string; returnvalue: unknown }) => told.jobId === id && resolve(told.returnvalue);
  const onFailed = (told: { jobId: string }) => told.jobId === id && reject(new Error('nobody could answer'));
  events.on('completed', onCompleted);
  events.on('failed', onFailed);
  const late = setTimeout(() => reject(new Error('no answer in time')), ANSWER_MS);
  return {
    ending: promise,
    [Symbol.dispose]() {
      clearTimeout(late);
      events.off('completed', onCompleted);
      events.off('failed', onFailed);
    },
  };
}

interface AskPorts {
  redis: Redis;
  queue: Queue;
  events: QueueEvents;
}

async function answerTo({ redis, queue, events }: AskPorts, request: Request): Promise<unknown> {
  if ((await redis.exists(CONTROLLER_KEY)) === 0) throw noController();
  const jobId = newId();
  using answered = listenFor(events, jobId);
  const job = await queue.add(request.method, request, {
    jobId,
    removeOnComplete: KEEP_ANSWERS,
    removeOnFail: KEEP_ANSWERS,
  });
  const text: unknown = await answered.ending.catch(async () => {
    const takenBack = await job.remove().then(
      () => true,
      () => false,
    );
    throw noAnswer(takenBack);
  });
  const answer: unknown = JSON.parse(String(text));
  const refused = Refusal.safeParse(answer);
  if (refused.success) throw refusal(refused.data.refused);
  return answer;
}

function refusal(text: string): AutopilotError {
  const { code, message, next } = decodeError(text);
  return new AutopilotError(code, message, next === undefined ? {} : { next });
}

function redisWentAway(): AutopilotError {
  return new AutopilotError('HA_REDIS_UNREACHABLE', 'Redis went away before there was an answer', {
    next: 'Once it is back, look at  homelab-autopilot runs  to see what was accepted',
  });
}

function noController(): AutopilotError {
  return new AutopilotError('HA_NO_CONTROLLER', 'Redis answers, but no controller is there', {
    next: 'Start it with  homelab-autopilot up',
  });
}

function noAnswer(takenBack: boolean): AutopilotError {
  const fate = takenBack
    ? 'nothing was accepted'
    : 'the request may still be accepted: look at  homelab-autopilot runs';
  return new AutopilotError('HA_NO_CONTROLLER', `the controller did not answer within ${ANSWER_MS / 1000} s; ${fate}`, {
    next: 'See its log; it may be starting, or very busy',
  });
}
