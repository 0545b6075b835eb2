/** The names under which things stand in Redis. */
import type { KindName } from '#sdk/contract.ts';

/** Every key of ours begins with this; a shared Redis may hold other things. */
export const PREFIX = 'autopilot';

/**
 * What the programs of one version say to each other through Redis. It is raised when that changes; a worker and a
 * controller work together when it is the same, whatever their versions.
 */
export const PROTOCOL = 1;

export const RUNS_QUEUE = 'runs';
export const TICKS_QUEUE = 'ticks';
export const REQUESTS_QUEUE = 'requests';

/** Which worker performs the steps of a kind. Destinations and archives belong to the host of the service. */
export type WorkerKind = 'hypervisor' | 'service' | 'notification';

export const WORKER_KINDS: readonly WorkerKind[] = ['hypervisor', 'service', 'notification'];

export function workerKindOf(kind: KindName): WorkerKind {
  switch (kind) {
    case 'hypervisor':
    case 'notification':
      return kind;
    case 'service':
    case 'destination':
    case 'archive':
      return 'service';
  }
}

/** `service.nas`: the queue of one kind of worker on one host. */
export function stepQueueName(kind: WorkerKind, host: string): string {
  return `${kind}.${host}`;
}

export function stepJobId(run: string, step: string): string {
  return `${run}.${step}`;
}

/** The step's key in the id of its job. */
export function stepOfJobId(jobId: string): string {
  return jobId.slice(jobId.indexOf('.') + 1);
}

export const EVENTS_KEY = `${PREFIX}:events`;
export const CONTROLLER_KEY = `${PREFIX}:controller`;
/** Since when Redis has remembered everything: written when it is missing. */
export const MEMORY_KEY = `${PREFIX}:memory`;
export const CANCEL_CHANNEL = `${PREFIX}:cancel`;

export function cancelledKey(run: string): string {
  return `${PREFIX}:cancelled:${run}`;
}

/** Who performs a step: asked by the worker that takes it over. */
export function holderKey(jobId: string): string {
  return `${PREFIX}:holder:${jobId}`;
}

/** When the holder of a step was last heard of, in milliseconds. */
export function heardKey(jobId: string): string {
  return `${PREFIX}:heard:${jobId}`;
}

export function presenceKey(kind: WorkerKind, host: string, pid: number): string {
  return `${PREFIX}:presence:${stepQueueName(kind, host)}:${pid}`;
}

/** What the workers' checks found, until the controller has taken it up. */
export const FINDINGS_KEY = `${PREFIX}:findings`;

/** Tells the worker of a host that its checks are others, or that somebody wants them asked now. */
export function checksChannel(host: string): string {
  return `${PREFIX}:checks:${host}`;
}

/** The checks that the controller wants of a host. */
export function checksKey(host: string): string {
  return `${PREFIX}:wanted:${host}`;
}

/** Where the answer to one who asked is put. */
export function answerKey(id: string): string {
  return `${PREFIX}:answer:${id}`;
}
