/** Which checks each host makes: said by the controller, heard by its worker; and asking a worker for answers now. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { newId } from '#kernel/ids.ts';
import { until } from '#kernel/wait.ts';
import { Check, Finding } from '#monitor/check.ts';
import { answerKey, checksChannel, checksKey, stepQueueName } from '#queue/names.ts';
import { presentWorkers } from '#queue/presence.ts';

/** An answer that nobody fetches goes away by itself (seconds). */
const ANSWER_KEPT_S = 60;

/** How long a worker that is there may be deaf (milliseconds). */
const LISTENS_AGAIN_MS = 3_000;

const CHANGED = 'changed';

const Asked = z.object({ id: z.string(), checks: z.array(Check) });
const Answer = z.array(Finding);

/** Says what each host checks from now on; a host that is not named checks nothing. Unchanged words are not repeated. */
export async function wantChecks(redis: Redis, wanted: ReadonlyMap<string, readonly Check[]>): Promise<void> {
  for (const [host, checks] of wanted) {
    const text = JSON.stringify(checks);
    const before = await redis.set(checksKey(host), text, 'GET');
    if (before !== text) await redis.publish(checksChannel(host), CHANGED);
  }
}

export interface CheckOrders {
  /** The checks of the host are these from now on. */
  wanted(checks: Check[]): void;
  /** Somebody waits for answers to these. */
  asked(checks: Check[]): Promise<Finding[]>;
}

export interface OrdersHeard extends Disposable {
  /** Reads them again: a message may have been lost while Redis was away. */
  look(): Promise<void>;
}

/** @param subscriber a connection of its own: a subscribed one can do nothing else. */
export async function hearOrders(
  { redis, subscriber, host }: { redis: Redis; subscriber: Redis; host: string },
  orders: CheckOrders,
): Promise<OrdersHeard> {
  let known: string | null = null;
  const look = async () => {
    const text = await redis.get(checksKey(host));
    // A Redis that lost its memory will be told again; until then the checks are what they were.
    if (text === null || text === known) return;
    known = text;
    orders.wanted(z.array(Check).parse(JSON.parse(text)));
  };
  const hear = async (message: string) => {
    if (message === CHANGED) return look();
    const { id, checks } = Asked.parse(JSON.parse(message));
    const answer = JSON.stringify(await orders.asked(checks));
    await redis.multi().rpush(answerKey(id), answer).expire(answerKey(id), ANSWER_KEPT_S).exec();
  };
  // What is not understood was not said by us.
  subscriber.on('message', (_channel, message) => void hear(message).catch(() => undefined));
  await subscriber.subscribe(checksChannel(host));
  await look();
  return { look, [Symbol.dispose]: () => subscriber.disconnect() };
}

/**
 * Has the worker of a host make these checks now.
 * @param redis a connection of the asker's own: it blocks.
 * @returns null when the host has no worker, or its worker says nothing for so long.
 */
export async function askChecks(
  redis: Redis,
  { host, checks, timeoutMs }: { host: string; checks: readonly Check[]; timeoutMs: number },
): Promise<Finding[] | null> {
  const queue = stepQueueName('service', host);
  const present = await presentWorkers(redis);
  if (!present.some((worker) => stepQueueName(worker.kind, worker.host) === queue)) return null;
  const id = newId();
  const order = JSON.stringify({ id, checks });
  // A worker that has just lost its connection listens again in a moment.
  const heard = () => redis.publish(checksChannel(host), order).then((ears) => (ears > 0 ? ears : undefined));
  if ((await until(heard, { timeoutMs: LISTENS_AGAIN_MS, everyMs: 200 })) === undefined) return null;
  const answer = await redis.blpop(answerKey(id), Math.ceil(timeoutMs / 1_000));
  return answer === null ? null : Answer.parse(JSON.parse(answer[1]));
}
