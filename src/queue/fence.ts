/** What keeps a worker that lost a step, or was told to stop it, from going on. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Lease } from '#queue/lease.ts';
import { isOurs } from '#queue/lease.ts';

/** The lost lock as a signal that fires at the latest when somebody asks. */
export function fenceOf(lease: Lease, lost: AbortSignal): { signal: AbortSignal; fence: () => void } {
  const late = new AbortController();
  const fence = () => {
    if (isOurs(lease) || late.signal.aborted) return;
    late.abort(new AutopilotError('HA_LOCK_LOST', 'this worker stood still for so long that it lost the step'));
  };
  return { signal: AbortSignal.any([lost, late.signal]), fence };
}

/** A plugin that ignores its signal would go on beside its replacement, or beside what puts its work back. */
export function endIfDeaf(signal: AbortSignal, patienceMs: number, abandon: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(abandon, patienceMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    [Symbol.dispose]() {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    },
  };
}
