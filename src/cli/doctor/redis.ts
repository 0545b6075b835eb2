/** Whether Redis is there, keeps what it is given, and a controller answers. */
import { connectController } from '#app/connect.ts';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { reachRedis } from '#queue/connection.ts';
import { judgeRedis } from '#queue/suitability.ts';

const START = 'start everything on this machine with  homelab-autopilot up';

export async function redisFindings(settings: Settings): Promise<Finding[]> {
  const redis = await finding('redis', async () => reached(settings));
  return redis.status === 'broken' || redis.detail === NOT_RUNNING ? [redis] : [redis, await controller(settings)];
}

const NOT_RUNNING = 'the private Redis does not run now';

async function reached(settings: Settings): Promise<Finding> {
  const { config } = settings;
  const address = await redisAddress(config, createSecretResolver(config));
  try {
    const redis = await reachRedis(address);
    const { version, evictionPolicy, persistence, warnings } = await judgeRedis(redis);
    redis.disconnect();
    const detail = `${version}, ${evictionPolicy ?? 'unknown eviction policy'}, persistence ${persistence ?? 'unknown'}`;
    return warnings.length === 0 ? ok('redis', detail) : warning('redis', detail, warnings.join('; '));
  } catch (error) {
    const away = error instanceof AutopilotError && error.code === 'HA_REDIS_UNREACHABLE';
    if (config.redis !== null || !away) throw error;
    // A private one runs only while `up` does.
    return warning('redis', NOT_RUNNING, START);
  }
}

async function controller(settings: Settings): Promise<Finding> {
  try {
    await using remote = await connectController(settings);
    await remote.runs({ limit: 1 });
    return ok('controller', 'answers');
  } catch {
    return warning('controller', 'no controller answers: nothing is started by schedule', START);
  }
}
