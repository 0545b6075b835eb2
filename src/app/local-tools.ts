/** The tools of an action, for work that is not a step: a restore that somebody typed. */
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import { openScratch } from '#host/scratch.ts';
import { createTools } from '#host/tools.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Progress, Tools } from '#sdk/tools.ts';

export interface LocalWork {
  /** What messages call it. */
  name: string;
  signal: AbortSignal;
  progress(progress: Progress): void;
}

/** Whoever typed it waits for it, so its commands do not give way to others. */
const FULL_PRIORITY = { nice: 0, ionice: 'none' } as const;

/** Hands the tools to the work; commands that it started and its scratch directory are gone when it has ended. */
export async function withTools<T>(
  { config, catalog }: Settings,
  { name, signal, progress }: LocalWork,
  work: (tools: Tools) => Promise<T>,
): Promise<T> {
  const { host, stateDir } = config.global;
  const stepKey = `local-${newId()}`;
  await using processes = new Processes({ priority: FULL_PRIORITY });
  await using scratch = openScratch(stateDir, stepKey);
  const ports = {
    catalog,
    processes,
    masker: createMasker(),
    host,
    stateDir,
    now: () => new Date(),
    secret: createSecretResolver(config),
  };
  const execution = { config: {}, name, stepKey, signal, scratch, use: noInstances };
  return await work(createTools(execution, ports, { ...SILENT_VOICE, progress }));
}

function noInstances(): never {
  throw new AutopilotError('HA_INTERNAL', 'this work was handed no other instances');
}
