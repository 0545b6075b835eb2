/** Everything on one machine: a private Redis if none is configured, the controller, and this host's workers. */
import { once } from 'node:events';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { spawnWorker } from '#app/spawn-worker.ts';
import type { ProcessSpec, SupervisorEvents } from '#app/supervisor.ts';
import { supervise } from '#app/supervisor.ts';
import type { Config } from '#config/types.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { reachRedis } from '#queue/connection.ts';
import { startManagedRedis } from '#queue/managed-redis.ts';
import type { WorkerKind } from '#queue/names.ts';
import { judgeRedis } from '#queue/suitability.ts';
import { lockState, requireFree } from '#store/lock.ts';

/** What runs, once it runs. */
export interface Running {
  /** The address of the web pages; null without them. */
  url: string | null;
  pids: Record<string, number>;
}

export interface UpOptions {
  /** Default: 8420. */
  port?: number;
  ui: boolean;
  signal: AbortSignal;
  onReady(running: Running): void;
  /** What is not as it should be, and works nevertheless. */
  onWarning(text: string): void;
  events: SupervisorEvents;
}

export const DEFAULT_PORT = 8420;

/** Workers let their steps come to an end for this long; what is cut short after it is resumed at the next start. */
const WORKER_GRACE_MS = 25_000;

/** Redis writes its file out before it ends. */
const REDIS_GRACE_MS = 20_000;

/** Runs until the signal fires, then stops all in order. */
export async function up({ config }: Settings, options: UpOptions): Promise<void> {
  if (config.redis !== null) await judge(config, options);
  let url: string | null = null;
  const { host, stateDir } = config.global;
  // Before anything is started: what is started first would take the place of the other one's Redis.
  using _place = lockState(stateDir, 'supervisor');
  requireFree(stateDir);
  const redis: ProcessSpec = {
    name: 'redis',
    start: async () => (await startManagedRedis(stateDir)).child,
    graceMs: REDIS_GRACE_MS,
  };
  const controller: ProcessSpec = {
    name: 'controller',
    async start() {
      const port = options.ui ? (options.port ?? DEFAULT_PORT) : null;
      const started = await spawnWorker({ name: 'controller', config: config.file, host, port });
      ({ url } = started);
      return started.child;
    },
    graceMs: WORKER_GRACE_MS,
  };
  const specs = [...(config.redis === null ? [redis] : []), controller, workerProcess(config.file, host, 'service')];
  await using supervised = await supervise(specs, options.events);
  options.onReady({ url, pids: supervised.pids() });
  await fired(options.signal);
}

/** A Redis of the user's own may throw jobs away, or forget them: said before anything relies on it. */
async function judge(config: Config, { onWarning }: UpOptions): Promise<void> {
  // One that is away is the controller's to tell.
  const redis = await reachRedis(await redisAddress(config, createSecretResolver(config))).catch(() => null);
  if (redis === null) return;
  try {
    for (const warning of (await judgeRedis(redis)).warnings) onWarning(`redis: ${warning}`);
  } finally {
    redis.disconnect();
  }
}

export interface WorkerOptions {
  host: string;
  kinds: readonly WorkerKind[];
  signal: AbortSignal;
  onReady(running: Running): void;
  events: SupervisorEvents;
}

/** The workers of one host, joined to a Redis that other machines share. */
export async function runWorker({ config }: Settings, options: WorkerOptions): Promise<void> {
  if (config.redis === null) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${config.file} names no redis.url, so there is nothing to join`, {
      next: 'Set redis.url (or url_file) to the Redis that the controller uses',
    });
  }
  const specs = options.kinds.map((kind) => workerProcess(config.file, options.host, kind));
  await using supervised = await supervise(specs, options.events);
  options.onReady({ url: null, pids: supervised.pids() });
  await fired(options.signal);
}

function workerProcess(config: string, host: string, kind: WorkerKind): ProcessSpec {
  return {
    name: `${kind}@${host}`,
    start: async () => (await spawnWorker({ name: kind, config, host })).child,
    graceMs: WORKER_GRACE_MS,
  };
}

async function fired(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
