/** Who is there: each process writes a key that fades when it dies. */
import type { Redis } from 'ioredis';
import { AutopilotError } from '#kernel/errors.ts';
import type { WorkerKind } from '#queue/names.ts';
import { CONTROLLER_KEY, PROTOCOL, stepQueueName, WORKER_KINDS } from '#queue/names.ts';
import { PRESENCE_MS } from '#queue/timing.ts';

export interface Presence {
  kind: WorkerKind;
  host: string;
  pid: number;
}

/** Tells askers that a controller is there, until disposed of. Workers' presence is kept by their heartbeat. */
export async function bePresent(redis: Redis): Promise<AsyncDisposable> {
  const beat = () => redis.set(CONTROLLER_KEY, `${process.pid} ${PROTOCOL}`, 'PX', PRESENCE_MS).catch(() => undefined);
  await beat();
  const timer = setInterval(() => void beat(), PRESENCE_MS / 3);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await redis.del(CONTROLLER_KEY).catch(() => undefined);
    },
  };
}

/**
 * Makes sure that the controller, if one is there, speaks as we do.
 * @throws AutopilotError HA_CONFLICT
 */
export async function agreeWithController(redis: Redis): Promise<void> {
  const [, spoken] = (await redis.get(CONTROLLER_KEY))?.split(' ') ?? [];
  if (spoken === undefined || Number(spoken) === PROTOCOL) return;
  throw new AutopilotError(
    'HA_CONFLICT',
    `this worker speaks protocol ${PROTOCOL}, the controller protocol ${spoken}: they are of different versions`,
    { next: 'Install the same version of homelab-autopilot on both machines' },
  );
}

/** The workers that are there now. */
export async function presentWorkers(redis: Redis): Promise<Presence[]> {
  const found: Presence[] = [];
  for (const kind of WORKER_KINDS) {
    const prefix = `autopilot:presence:${stepQueueName(kind, '')}`;
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 200 }) as AsyncIterable<string[]>) {
      for (const key of keys) {
        const rest = key.slice(prefix.length);
        const at = rest.lastIndexOf(':');
        found.push({ kind, host: rest.slice(0, at), pid: Number(rest.slice(at + 1)) });
      }
    }
  }
  return found;
}
