/** Tells running steps that their run was cancelled. */
import type { Redis } from 'ioredis';
import type { StepMessage } from '#engine/ports.ts';
import { CANCEL_CHANNEL, cancelledKey } from '#queue/names.ts';

export interface Watched extends Disposable {
  signal: AbortSignal;
  /** Settles when it is known whether the run had been cancelled before the step was watched. */
  asked: Promise<void>;
}

export interface CancelWatch extends Disposable {
  /** The signal fires when the step's run is cancelled, or was before. Undo and `finally` steps are never told. */
  watch(message: StepMessage): Watched;
}

/** @param subscriber a connection of its own: a subscribed one can do nothing else. */
export async function watchCancels(redis: Redis, subscriber: Redis): Promise<CancelWatch> {
  const running = new Map<string, Set<AbortController>>();
  const abort = (run: string) => {
    for (const controller of running.get(run) ?? []) controller.abort(new Error('run cancelled'));
  };
  subscriber.on('message', (_channel, run) => abort(run));
  await subscriber.subscribe(CANCEL_CHANNEL);
  return {
    watch({ run, role }) {
      const controller = new AbortController();
      const mates = running.get(run) ?? new Set();
      if (role === 'forward') running.set(run, mates.add(controller));
      // Registered before it is asked, so that a cancel between the two is not missed. The step does not wait for the
      // answer: it would cost every step a round trip for what hardly ever is.
      const asked = role === 'forward' ? redis.exists(cancelledKey(run)).catch(() => 0) : Promise.resolve(0);
      return {
        signal: controller.signal,
        asked: asked.then((known) => (known === 1 ? abort(run) : undefined)),
        [Symbol.dispose]() {
          mates.delete(controller);
          if (mates.size === 0) running.delete(run);
        },
      };
    },
    [Symbol.dispose]: () => subscriber.disconnect(),
  };
}
