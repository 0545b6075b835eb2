/** Which Redis a configuration means. */

import type { SecretResolver } from '#app/secrets.ts';
import type { Config } from '#config/types.ts';
import type { RedisAddress } from '#queue/connection.ts';
import { managedSocket } from '#queue/managed-redis.ts';

export async function redisAddress(config: Config, secrets: SecretResolver): Promise<RedisAddress> {
  if (config.redis === null) return { socket: managedSocket(config.global.stateDir) };
  return { url: await secrets(config.redis.url) };
}
