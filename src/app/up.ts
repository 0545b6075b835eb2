/** Everything on one machine: a private Redis if none is configured, the controller, and this host's workers. */
import { once } from 'node:events';
import { controllerProcess, redisProcess, workerProcess } from '#app/processes.ts';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { SupervisorEvents } from '#app/supervisor.ts';
import { supervise } from '#app/supervisor.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { reachRedis } from '#queue/connection.ts';
import type { WorkerKind } from '#queue/names.ts';
import { judgeRedis } from '#queue/suitability.ts';
import { lockState, requireFree } from '#store/lock.ts';

/** What runs, once it runs. */
export interface Running {
  /** The address of the web pages; null without them. */
  url: string | null;
  pids: Record<string, number>;
  /** What is not as it should be with a Redis that is not ours. */
  warnings: string[];
}

export interface UpOptions {
  /** Default: 8420. */
  port?: number;
  ui: boolean;
  signal: AbortSignal;
  onReady(running: Running): void;
  events: SupervisorEvents;
}

export const DEFAULT_PORT = 8420;

/** Runs until the signal fires, then stops all in order. */
export async function up(settings: Settings, options: UpOptions): Promise<void> {
  const { config } = settings;
  let url: string | null = null;
  const { host, stateDir } = config.global;
  // Before anything is started: what is started first would take the place of the other one's Redis.
  using _place = lockState(stateDir, 'supervisor');
  requireFree(stateDir);
  const place = { config: config.file, host };
  const port = options.ui ? (options.port ?? DEFAULT_PORT) : null;
  const controller = controllerProcess(place, { port, onUrl: (found) => (url = found) });
  const workers = kindsAt(settings).map((kind) => workerProcess(place, kind));
  const specs = [...(config.redis === null ? [redisProcess(stateDir)] : []), controller, ...workers];
  await using supervised = await supervise(specs, options.events);
  options.onReady({ url, pids: supervised.pids(), warnings: await redisWarnings(settings) });
  await fired(options.signal);
}

/** A worker that would never have anything to do is not started: machines are small. */
function kindsAt({ config }: Settings): WorkerKind[] {
  const reaches = config.hypervisors.some(({ hosts }) => hosts.includes(config.global.host));
  return reaches ? ['service', 'hypervisor'] : ['service'];
}

export interface WorkerOptions {
  host: string;
  kinds: readonly WorkerKind[];
  signal: AbortSignal;
  onReady(running: Running): void;
  events: SupervisorEvents;
}

/** The workers of one host, joined to a Redis that other machines share. */
export async function runWorker(settings: Settings, options: WorkerOptions): Promise<void> {
  const { config } = settings;
  if (config.redis === null) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${config.file} names no redis.url, so there is nothing to join`, {
      next: 'Set redis.url (or url_file) to the Redis that the controller uses',
    });
  }
  const specs = options.kinds.map((kind) => workerProcess({ config: config.file, host: options.host }, kind));
  await using supervised = await supervise(specs, options.events);
  options.onReady({ url: null, pids: supervised.pids(), warnings: await redisWarnings(settings) });
  await fired(options.signal);
}

/** Our own is made as it should be. */
async function redisWarnings({ config }: Settings): Promise<string[]> {
  if (config.redis === null) return [];
  try {
    const redis = await reachRedis(await redisAddress(config, createSecretResolver(config)));
    const { warnings } = await judgeRedis(redis);
    redis.disconnect();
    return warnings;
  } catch {
    // It was there a moment ago; whoever needs it says so.
    return [];
  }
}

async function fired(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
