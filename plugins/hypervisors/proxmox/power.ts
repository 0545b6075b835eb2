/** Starts and stops a guest: gently first, by force when told. */
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { Pve } from './api.ts';
import { type At, failure, onGuest, pathOf, stateOf } from './guests.ts';
import { type End, perform, settled } from './tasks.ts';

type Wanted = 'running' | 'stopped';

export interface Power {
  state: Wanted;
  graceMs: number;
  force: boolean;
}

/** What high availability does comes some time after the task that asked it for that. */
const COMES_LATE_MS = 20_000;

export async function ensureState(pve: Pve, id: string, power: Power): Promise<{ changed: boolean; forced: boolean }> {
  return await onGuest(pve, id, async (at) => await bring(pve, at, power));
}

export async function bring(pve: Pve, at: At, power: Power): Promise<{ changed: boolean; forced: boolean }> {
  await settled(pve, at);
  if ((await stateOf(pve, at)) === power.state) return { changed: false, forced: false };
  if (power.state === 'running') {
    await finish(pve, at, {
      state: 'running',
      end: await switched(pve, at, 'start'),
      doing: `start the guest ${at.vmid}`,
    });
    return { changed: true, forced: false };
  }
  if (power.graceMs > 0 || !power.force) {
    const seconds = Math.max(1, Math.ceil(power.graceMs / 1_000));
    const end = await switched(pve, at, 'shutdown', { timeout: seconds });
    if (await reached(pve, at, { state: 'stopped', end })) return { changed: true, forced: false };
    if (!power.force) throw await notStopped(pve, at, { end, seconds });
  }
  await finish(pve, at, { state: 'stopped', end: await switched(pve, at, 'stop'), doing: `stop the guest ${at.vmid}` });
  return { changed: true, forced: true };
}

async function switched(pve: Pve, at: At, how: string, params: Record<string, number> = {}): Promise<End> {
  return await perform(pve, at, { method: 'POST', path: [...pathOf(at), 'status', how], params });
}

interface Waiting {
  state: Wanted;
  end: End;
}

async function finish(pve: Pve, at: At, { doing, ...waiting }: Waiting & { doing: string }): Promise<void> {
  if (!(await reached(pve, at, waiting))) throw await failure(pve, at, { end: waiting.end, doing });
}

async function reached(pve: Pve, at: At, { state, end }: Waiting): Promise<boolean> {
  const deadline = Date.now() + (end.kind === 'done' ? COMES_LATE_MS : 0);
  for (;;) {
    if ((await stateOf(pve, at)) === state) return true;
    if (Date.now() >= deadline) return false;
    await pause(250, pve.tools.signal);
    pve.tools.signal.throwIfAborted();
  }
}

async function notStopped(pve: Pve, at: At, { end, seconds }: { end: End; seconds: number }): Promise<AutopilotError> {
  // Refused at once (a right, a lock) is something else than a guest that takes its time.
  if (end.kind !== 'failed' || !/timeout|timed out|did not stop|exit code/i.test(end.text)) {
    return await failure(pve, at, { end, doing: `shut the guest ${at.vmid} down` });
  }
  return new AutopilotError(
    'HA_CHECK_FAILED',
    `${pve.tools.name}: the guest ${at.vmid} did not stop within ${seconds} s`,
    {
      next: 'give it more time, or let it be switched off by force',
    },
  );
}
