/** Whether Redis has lately lost what it knew: then nobody can tell who is at which step. */
import type { Redis } from 'ioredis';
import { MEMORY_KEY } from '#queue/names.ts';

/** By the clock of Redis, so that all hosts agree. */
const AGE = `
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('SET', KEYS[1], ms, 'NX')
return ms - redis.call('GET', KEYS[1])`;

/** How long (milliseconds) Redis has forgotten nothing. Asked often, so that a loss is dated well. */
export async function ageOfMemory(redis: Redis): Promise<number> {
  return Number(await redis.eval(AGE, 1, MEMORY_KEY));
}
