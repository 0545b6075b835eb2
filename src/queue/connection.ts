/** Connections to Redis: how they are made for each role, and what is said when there is none. */
import { Redis } from 'ioredis';
import { AutopilotError, errorText } from '#kernel/errors.ts';

export type { Redis };

/** Where Redis is. A private one listens on a unix socket; another one is named by URL. */
export type RedisAddress = { socket: string } | { url: string };

/**
 * - `worker`: waits for Redis as long as it takes, and goes on where it stopped.
 * - `asker`: says at once that Redis is away.
 */
export type ConnectionRole = 'worker' | 'asker';

/** How long (milliseconds) an asked server may say nothing at all. */
const SILENCE_MS = 12_000;

/** Opens a connection. The caller closes it with `quit()` or `disconnect()`. */
export function connectRedis(address: RedisAddress, role: ConnectionRole): Redis {
  let wasReady = false;
  const options = {
    connectionName: `autopilot:${role}`,
    // BullMQ demands null for its workers: their commands wait out any absence of Redis.
    maxRetriesPerRequest: role === 'worker' ? null : 1,
    enableOfflineQueue: role === 'worker',
    // A connection whose other end is gone without a word is given up and made anew; longer than any blocking read.
    ...(role === 'worker' ? { socketTimeout: SILENCE_MS } : {}),
    lazyConnect: role === 'asker',
    // Who asks for the first time wants to know at once; who was connected waits for Redis to come back.
    retryStrategy: (times: number) => (role === 'asker' && !wasReady ? null : Math.min(100 * times, 2_000)),
  };
  const redis = 'socket' in address ? new Redis(address.socket, options) : new Redis(address.url, options);
  // Without a listener every reconnect prints a stack; the state of the connection is watched elsewhere.
  redis.on('error', () => undefined);
  redis.once('ready', () => (wasReady = true));
  return redis;
}

/**
 * Opens a connection for questions, and makes sure that somebody answers.
 * @throws AutopilotError HA_REDIS_UNREACHABLE
 */
export async function reachRedis(address: RedisAddress): Promise<Redis> {
  const redis = connectRedis(address, 'asker');
  let refusal: unknown;
  redis.on('error', (error) => (refusal ??= error));
  try {
    await redis.connect();
    await redis.ping();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new AutopilotError(
      'HA_REDIS_UNREACHABLE',
      `cannot reach Redis at ${describe(address)} (${reason(refusal ?? error)})`,
      {
        cause: error,
        next: 'Start everything on this machine with  homelab-autopilot up , or set redis.url',
      },
    );
  }
}

/** The address without its password. */
function describe(address: RedisAddress): string {
  if ('socket' in address) return address.socket;
  try {
    const { hostname, port } = new URL(address.url);
    return `${hostname}:${port || '6379'}`;
  } catch {
    return 'the address in redis.url (not a URL)';
  }
}

function reason(error: unknown): string {
  const text = errorText(error);
  if (text.includes('ECONNREFUSED')) return 'connection refused';
  if (text.includes('ENOENT')) return 'nothing listens there';
  if (text.includes('ENOTFOUND')) return 'no such host';
  if (text.includes('WRONGPASS') || text.includes('NOAUTH')) return 'the password is wrong or missing';
  return text;
}
