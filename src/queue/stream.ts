/** Places in a stream of Redis. */
import type { Redis } from 'ioredis';

/** Before everything. */
export const START_OF_STREAM = '0-0';

/** Where a reader that wants only what is new begins. */
export async function endOfStream(redis: Redis, key: string): Promise<string> {
  const [last] = await redis.xrevrange(key, '+', '-', 'COUNT', 1);
  return last?.[0] ?? START_OF_STREAM;
}
