/** Performs plugin actions in this process: for a worker's steps, and for the command line's own looks at destinations. */
import type { SecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { StepMessage } from '#engine/ports.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import type { ActionStep } from '#host/perform.ts';
import { performAction } from '#host/perform.ts';
import type { HostPorts, StepVoice } from '#host/ports.ts';
import type { JsonObject } from '#kernel/json.ts';

export interface Performer extends AsyncDisposable {
  perform(message: StepMessage, context: StepVoice & { signal: AbortSignal; fence(): void }): Promise<JsonObject>;
  act(step: ActionStep, signal: AbortSignal): Promise<JsonObject>;
}

export function createPerformer(
  { config, catalog }: Settings,
  { host, secrets }: { host: string; secrets: SecretResolver },
): Performer {
  const processes = new Processes({ priority: config.global.priority });
  const ports: HostPorts = {
    catalog,
    processes,
    masker: createMasker(),
    host,
    stateDir: config.global.stateDir,
    now: () => new Date(),
    secret: secrets,
  };
  return {
    perform: ({ run, step, mayHaveRun }, { signal, fence, log, progress }) =>
      performAction({ ...step, key: `${run}.${step.key}`, mayHaveRun, fence, voice: { log, progress } }, ports, signal),
    act: (step, signal) => performAction(step, ports, signal),
    [Symbol.asyncDispose]: () => processes[Symbol.asyncDispose](),
  };
}
