/** Since when there has been no worker for a queue. */
import type { Redis } from '#queue/connection.ts';
import { stepQueueName, workerKindOf } from '#queue/names.ts';
import { presentWorkers } from '#queue/presence.ts';
import type { PlannedStep, UndoStep } from '#sdk/plan.ts';

export interface Absences {
  /** Looks who is there. The answer tells how long (milliseconds) nobody has been there for a step, or null. */
  look(): Promise<(step: PlannedStep | UndoStep) => number | null>;
  /** How long nobody has been there for the services of a host, as of the last look; null when somebody is. */
  ofHost(host: string): number | null;
  /** Whether, as of the last look, a worker for hypervisors was there on a host. */
  servesHypervisors(host: string): boolean;
}

/** Absence counts from the first look that found nobody: a controller that has just started accuses no host. */
export function createAbsences(redis: Redis, now: () => Date): Absences {
  const since = new Map<string, number>();
  let present = new Set<string>();
  let at = now().getTime();
  const away = (queue: string): number | null => {
    if (present.has(queue)) {
      since.delete(queue);
      return null;
    }
    const first = since.get(queue) ?? at;
    since.set(queue, first);
    return at - first;
  };
  return {
    async look() {
      present = new Set((await presentWorkers(redis)).map(({ kind, host }) => stepQueueName(kind, host)));
      at = now().getTime();
      return ({ plugin, host }) => away(stepQueueName(workerKindOf(plugin.kind), host));
    },
    ofHost: (host) => away(stepQueueName('service', host)),
    servesHypervisors: (host) => present.has(stepQueueName('hypervisor', host)),
  };
}
