/** Starts and stops a guest: gently first, by force when told. */
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { failure } from './guests.ts';
import type { Change, End, Machine, Platform } from './platform.ts';

export interface Power {
  state: 'running' | 'stopped';
  graceMs: number;
  force: boolean;
}

/** What a task has done may be shown a little later. */
const COMES_LATE_MS = 10_000;
const LOOK_EVERY_MS = 250;

export async function bring(platform: Platform, machine: Machine, power: Power) {
  await platform.settled(machine);
  if ((await platform.state(machine)) === power.state) return { changed: false, forced: false };
  if (power.state === 'running') {
    await switched(platform, machine, 'power on');
    return { changed: true, forced: false };
  }
  if (power.graceMs > 0 || !power.force) {
    const end = await platform.change(machine, { kind: 'shut down' });
    if (await reached(platform, machine, { state: 'stopped', ms: end.kind === 'failed' ? 0 : power.graceMs })) {
      return { changed: true, forced: false };
    }
    if (!power.force) throw notStopped(platform, machine, { end, graceMs: power.graceMs });
  }
  await switched(platform, machine, 'power off');
  return { changed: true, forced: true };
}

async function switched(platform: Platform, machine: Machine, kind: 'power on' | 'power off'): Promise<void> {
  const state = kind === 'power on' ? 'running' : 'stopped';
  const change: Change = { kind };
  const end = await platform.change(machine, change);
  // "It is in that state already" is a refusal of vSphere; the look decides.
  if (await reached(platform, machine, { state, ms: end.kind === 'failed' ? 0 : COMES_LATE_MS })) return;
  throw failure(platform, end, `${kind} the guest ${machine.name}`);
}

async function reached(
  platform: Platform,
  machine: Machine,
  { state, ms }: { state: Power['state']; ms: number },
): Promise<boolean> {
  const deadline = Date.now() + ms;
  for (;;) {
    if ((await platform.state(machine)) === state) return true;
    if (Date.now() >= deadline) return false;
    await pause(LOOK_EVERY_MS, platform.tools.signal);
    platform.tools.signal.throwIfAborted();
  }
}

function notStopped(
  platform: Platform,
  machine: Machine,
  { end, graceMs }: { end: End; graceMs: number },
): AutopilotError {
  if (end.kind !== 'done') return failure(platform, end, `shut the guest ${machine.name} down`);
  const text = `${platform.tools.name}: the guest ${machine.name} did not stop within ${Math.ceil(graceMs / 1_000)} s`;
  return new AutopilotError('HA_CHECK_FAILED', text, {
    next: 'give it more time, or let it be switched off by force',
  });
}
