/** Performs one step's action on this machine, from its stored form to its stored output. */

import type { Scene } from '#host/call.ts';
import { call, probeOnce, resolveAction } from '#host/call.ts';
import type { HostPorts, StepVoice } from '#host/ports.ts';
import { openScratch } from '#host/scratch.ts';
import { stepError } from '#host/step-error.ts';
import { formatDuration } from '#kernel/duration.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import type { PluginRef } from '#sdk/plan.ts';

/** A step as the queue hands it over. */
export interface ActionStep {
  plugin: PluginRef;
  uses: PluginRef[];
  action: string;
  input: JsonObject;
  /** Stable over retries: names scratch directories, and is handed to the action. */
  key: string;
  timeoutMs: number;
  /** A field of the output that must be true for the step to have succeeded. */
  failUnless?: string | null;
  /** Whether an earlier execution began and its outcome is not known. */
  mayHaveRun: boolean;
  voice: StepVoice;
  /** Fires the step's signal when its worker may have lost it: asked at each change. Default: nobody can lose it. */
  fence?: (() => void) | undefined;
}

/** Enough for an action's commands to be ended: their group gets SIGTERM, and SIGKILL soon after. */
const PATIENCE_MS = 15_000;

const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Runs the action under the step's signal and time limit, and gives back its validated, masked output. What it throws
 * is always an AutopilotError without secrets. When the signal fired, that is the outcome, whatever the action says.
 */
export async function performAction(step: ActionStep, ports: HostPorts, signal: AbortSignal): Promise<JsonObject> {
  const ending = new AbortController();
  const limit = setTimeout(() => ending.abort(tookTooLong(step)), Math.min(step.timeoutMs, LONGEST_TIMER_MS));
  const bounded = AbortSignal.any([signal, ending.signal]);
  try {
    await using scratch = openScratch(ports.stateDir, step.key);
    const scene = { ...step, ports, scratch, signal: bounded };
    const output = await heeding(bounded, ports.patienceMs ?? PATIENCE_MS, async () => run(step, scene));
    return ports.masker.value(output);
  } catch (error) {
    const failure = stepError(error, bounded, step.key);
    if (failure.code === 'HA_INTERNAL') tellUnexpected(error, { step, ports });
    throw ports.masker.error(failure);
  } finally {
    clearTimeout(limit);
    // Ends the commands that the action started and did not wait for.
    ending.abort(new AutopilotError('HA_CANCELLED', `the step ${step.key} has ended`));
  }
}

async function run(step: ActionStep, scene: Scene): Promise<JsonObject> {
  scene.signal.throwIfAborted();
  const target = resolveAction(scene, step.plugin, step.action);
  if (target.effect === 'once' && step.mayHaveRun) {
    const found = await probeOnce(scene, target, step.input);
    if (found !== undefined) return found;
  }
  const output = await call(scene, target, step.input);
  const { failUnless = null } = step;
  if (failUnless !== null && output[failUnless] !== true) throw refused(step, output);
  return output;
}

function refused({ plugin, action }: ActionStep, output: JsonObject): AutopilotError {
  const said = output['summary'];
  return new AutopilotError('HA_CHECK_FAILED', typeof said === 'string' ? said : `${plugin.name}: ${action} said no`);
}

/** Waits for the work, but after the signal only for so long as well-behaved work needs to stop. */
async function heeding<T>(signal: AbortSignal, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const deaf = Promise.withResolvers<never>();
  const done = new AbortController();
  const onAbort = () => void pause(patienceMs, done.signal).then(() => deaf.reject(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await Promise.race([work(), deaf.promise]);
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener('abort', onAbort);
    done.abort();
    deaf.promise.catch(() => undefined);
  }
}

/** The place in the code is for those who mend the plugin: it stays in the log. */
function tellUnexpected(error: unknown, { step, ports }: { step: ActionStep; ports: HostPorts }): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  step.voice.log.error('an action failed in an unexpected way', { step: step.key, stack: ports.masker.text(stack) });
}

function tookTooLong({ key, timeoutMs }: ActionStep): AutopilotError {
  return new AutopilotError('HA_STEP_TIMEOUT', `the step ${key} did not end within ${formatDuration(timeoutMs)}`, {
    next: 'see its log for what it waited for, or give it a longer timeout',
  });
}
