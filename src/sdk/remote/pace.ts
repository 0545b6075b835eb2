/** Keeps a limit on how much is sent in a second. */
import { pause } from '#kernel/wait.ts';
import type { Tools } from '#sdk/tools.ts';

/** Waits until so many bytes may be sent. */
export type Pace = (bytes: number) => Promise<void>;

export function createPace(tools: Pick<Tools, 'signal'>, bytesPerSecond: number): Pace {
  if (!Number.isFinite(bytesPerSecond)) return async () => undefined;
  let free = performance.now();
  return async (bytes) => {
    const now = performance.now();
    free = Math.max(free, now) + (bytes / bytesPerSecond) * 1000;
    await pause(free - now, tools.signal);
    tools.signal.throwIfAborted();
  };
}
