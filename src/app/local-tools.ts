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
  settings: Settings,
  wanted: LocalWork,
  work: (tools: Tools) => Promise<T>,
): Promise<T> {
  await using local = openTools(settings, wanted);
  return await work(local.tools);
}

/** The same for work that gives its results one by one. */
export function openTools(
  { config, catalog }: Settings,
  { name, signal, progress }: LocalWork,
): AsyncDisposable & { tools: Tools } {
  const { host, stateDir } = config.global;
  const stepKey = `local-${newId()}`;
  const owned = new AsyncDisposableStack();
  const scratch = owned.use(openScratch(stateDir, stepKey));
  const processes = owned.use(new Processes({ priority: FULL_PRIORITY }));
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
  const tools = createTools(execution, ports, { ...SILENT_VOICE, progress });
  return { tools, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function noInstances(): never {
  throw new AutopilotError('HA_INTERNAL', 'this work was handed no other instances');
}
