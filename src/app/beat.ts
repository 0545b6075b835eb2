/** A report of something that must report: it goes the way of what checks find, and waits for a controller that is away. */
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import { heartbeatId } from '#monitor/check.ts';
import { reachRedis } from '#queue/connection.ts';
import { sendFindings } from '#queue/findings.ts';

/** @throws AutopilotError HA_NOT_FOUND with the nearest name, HA_REDIS_UNREACHABLE: then nobody has heard it. */
export async function beat({ config }: Settings, name: string): Promise<void> {
  const names = config.services.flatMap(({ heartbeats }) => heartbeats.map((one) => one.name));
  if (!names.includes(name)) throw unknownHeartbeat(name, names);
  const redis = await reachRedis(await redisAddress(config, createSecretResolver(config)));
  try {
    const report = { item: null, asked: heartbeatId(name), ok: true, detail: 'reported', tookMs: 0, value: null };
    await sendFindings(redis, [{ ...report, check: heartbeatId(name), ageMs: 0 }]);
  } finally {
    redis.disconnect();
  }
}

function unknownHeartbeat(name: string, names: readonly string[]): AutopilotError {
  const guess = nearest(name, names);
  return new AutopilotError('HA_NOT_FOUND', `there is no heartbeat "${name}"`, {
    next:
      names.length === 0
        ? 'Name one under  monitor  of a service:  { type: heartbeat, name: …, every: 1d }'
        : `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${names.join(', ')}`,
  });
}
