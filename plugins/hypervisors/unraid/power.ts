/** Starting and stopping a guest through Unraid's API, which has its own idea of how long a guest may take to stop. */
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import { attempt, type Unraid } from './api.ts';
import { type Found, find, lookAgain } from './guests.ts';
import { change } from './operations.ts';

interface Power {
  state: 'running' | 'stopped';
  graceMs: number;
  force: boolean;
}

interface Outcome {
  changed: boolean;
  forced: boolean;
}

/** So long Unraid waits for a virtual machine to shut down; then it switches it off by itself. */
const UNRAID_WAITS_MS = 10_000;

const LOOK_EVERY_MS = 500;

export async function ensureState(unraid: Unraid, guest: string, { state, graceMs, force }: Power): Promise<Outcome> {
  const at = await settled(unraid, await find(unraid, guest));
  if (at.state === state) return { changed: false, forced: false };
  if (state === 'running') {
    await perform(unraid, at, { how: at.state === 'paused' ? RESUME[at.type] : 'start', wanted: state });
    return { changed: true, forced: false };
  }
  const atOnce = force && graceMs === 0 && at.type === 'vm';
  if (!atOnce) {
    const begun = Date.now();
    const stopped = await perform(unraid, at, { how: 'stop', wanted: state }).catch((error: unknown) => {
      if (force && at.type === 'vm' && isNoUnknown(error)) return undefined;
      throw error;
    });
    if (stopped !== undefined) return { changed: true, forced: wasForced(stopped, Date.now() - begun) };
  }
  await perform(unraid, at, { how: 'forceStop', wanted: state });
  return { changed: true, forced: true };
}

/** What was begun before, by whomever, is waited for. */
async function settled(unraid: Unraid, at: Found): Promise<Found> {
  const deadline = Date.now() + milliseconds(unraid.tools.config.patience);
  for (let now = at; ; now = await lookAgain(unraid, at)) {
    if (now.state !== 'changing' || Date.now() >= deadline) return now;
    await pause(LOOK_EVERY_MS, unraid.tools.signal);
    unraid.tools.signal.throwIfAborted();
  }
}

const RESUME = { container: 'unpause', vm: 'resume' } as const;

/** Docker tells how a container ended. Of a virtual machine only the time tells: Unraid does not say. */
function wasForced({ type, status }: Found, tookMs: number): boolean {
  return type === 'container' ? status.startsWith('Exited (137)') : tookMs >= UNRAID_WAITS_MS;
}

interface Change {
  how: string;
  wanted: Power['state'];
}

/** What is there afterwards counts, whatever was answered: also "invalid state transition" may mean that it is so already. */
async function perform(unraid: Unraid, at: Found, { how, wanted }: Change): Promise<Found> {
  const failure = await attempt(unraid, change(at.type, how), { id: at.key });
  const patience = failure === undefined || failure.code === 'HA_REMOTE_UNREACHABLE';
  const deadline = Date.now() + (patience ? milliseconds(unraid.tools.config.patience) : 0);
  for (;;) {
    const now = await lookAgain(unraid, at).catch((error: unknown) => {
      // That nobody knows what became of the change is worth more than that nobody answers.
      throw failure ?? error;
    });
    if (now.state === wanted) return now;
    if (Date.now() >= deadline) throw failure ?? notReached(unraid, now, wanted);
    await pause(LOOK_EVERY_MS, unraid.tools.signal);
    unraid.tools.signal.throwIfAborted();
  }
}

function notReached({ tools }: Unraid, { name, state }: Found, wanted: Power['state']): AutopilotError {
  const told = wanted === 'stopped' ? 'stop' : 'start';
  return new AutopilotError('HA_CHECK_FAILED', `${tools.name}: ${name} was told to ${told} and is ${state}`, {
    next: 'see its log on the server',
  });
}

function isNoUnknown(error: unknown): boolean {
  return error instanceof AutopilotError && error.code !== 'HA_REMOTE_UNREACHABLE';
}
