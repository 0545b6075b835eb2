/** The processes of a homelab: how each is started, and how long it has to stop. */
import { spawnWorker } from '#app/spawn-worker.ts';
import type { ProcessSpec } from '#app/supervisor.ts';
import { startManagedRedis } from '#queue/managed-redis.ts';
import type { WorkerKind } from '#queue/names.ts';

/** Workers let their steps come to an end for this long; what is cut short after it is resumed at the next start. */
const WORKER_GRACE_MS = 25_000;

/** Redis writes its file out before it ends. */
const REDIS_GRACE_MS = 20_000;

export interface ProcessPlace {
  /** The configuration file. */
  config: string;
  host: string;
  /** Added to its environment: orders of a rehearsal. */
  env?: Readonly<Record<string, string>>;
}

export function redisProcess(stateDir: string): ProcessSpec {
  return { name: 'redis', graceMs: REDIS_GRACE_MS, start: async () => (await startManagedRedis(stateDir)).child };
}

/** @param web where its pages are: the wish for a port (null: no pages), and who hears of the address at each start. */
export function controllerProcess(
  place: ProcessPlace,
  web: { port: number | null; onUrl(url: string | null): void },
): ProcessSpec {
  return {
    name: 'controller',
    graceMs: WORKER_GRACE_MS,
    async start() {
      const { child, url } = await spawnWorker({ name: 'controller', ...place, port: web.port });
      web.onUrl(url);
      return child;
    },
  };
}

export function workerProcess(place: ProcessPlace, kind: WorkerKind): ProcessSpec {
  return {
    name: `${kind}@${place.host}`,
    graceMs: WORKER_GRACE_MS,
    start: async () => (await spawnWorker({ name: kind, ...place })).child,
  };
}
