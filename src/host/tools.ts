/** Makes the tools of one action: all that it may touch of this machine, tied to its signal. */

import type { Caller } from '#host/exec.ts';
import type { Masker } from '#host/mask.ts';
import type { HostPorts, StepVoice } from '#host/ports.ts';
import type { Scratch } from '#host/scratch.ts';
import type { Log, Tools } from '#sdk/tools.ts';

/** One execution of one action. */
export interface Execution {
  config: unknown;
  name: string;
  stepKey: string;
  signal: AbortSignal;
  fence?: (() => void) | undefined;
  scratch: Scratch;
  use: Tools['use'];
}

export function createTools(execution: Execution, ports: HostPorts, voice: StepVoice): Tools {
  const { config, name, stepKey, use } = execution;
  const { masker, processes, host, stateDir } = ports;
  const log = maskedLog(voice.log, masker);
  // Who looks at the signal wants to know whether to go on: now, not as of the last time that the watch looked.
  const signal = (): AbortSignal => {
    execution.fence?.();
    return execution.signal;
  };
  const caller = (): Caller => ({ signal: signal(), log, mask: (text) => masker.text(text) });
  let scratch: Promise<string> | undefined;
  return {
    config,
    name,
    host,
    stepKey,
    get signal() {
      return signal();
    },
    log,
    stateDir,
    use,
    now: () => ports.now(),
    progress: (progress) => voice.progress(masker.value(progress)),
    exec: async (argv, options = {}) => processes.exec(argv, options, caller()),
    spawn: (argv, options = {}) => processes.spawn(argv, options, caller()),
    fetch: async (input, init) => fetchUntil(signal())(input, init),
    scratch: async () => (scratch ??= execution.scratch.make()),
    mask: (secret) => masker.add(secret),
    secret: async (ref) => {
      const value = await ports.secret(ref);
      masker.add(value);
      return value;
    },
  };
}

/** Secrets that become known later are masked from then on: the masker is asked at every line. */
function maskedLog(log: Log, masker: Masker): Log {
  const masked =
    (level: keyof Log): Log[keyof Log] =>
    (message, fields) =>
      log[level](masker.text(message), fields === undefined ? undefined : masker.value(fields));
  return { debug: masked('debug'), info: masked('info'), warn: masked('warn'), error: masked('error') };
}

function fetchUntil(signal: AbortSignal): typeof globalThis.fetch {
  return async (input, init) => {
    const signals = [signal, init?.signal, input instanceof Request ? input.signal : undefined];
    return globalThis.fetch(input, {
      ...init,
      signal: AbortSignal.any(signals.filter((one) => one instanceof AbortSignal)),
    });
  };
}
