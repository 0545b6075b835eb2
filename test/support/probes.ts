/** Asking a probe as a step would: with real tools, on this machine. */
import type { z } from 'zod';
import { openScratch } from '#host/scratch.ts';
import { createTools } from '#host/tools.ts';
import { Probe, runProbe } from '#sdk/probes.ts';
import type { Tools } from '#sdk/tools.ts';
import { openStage } from '#test/host/stage.ts';

export interface AskSettings {
  signal?: AbortSignal;
  /** Values of secrets, by their place in the configuration. */
  secrets?: Record<string, string>;
}

export async function openTools(settings: AskSettings = {}): Promise<AsyncDisposable & { tools: Tools }> {
  const { signal = new AbortController().signal, ...rest } = settings;
  const stage = await openStage(rest);
  const scratch = openScratch(stage.folder, 'probe');
  const execution = { config: {}, name: 'x', stepKey: 'probe', signal, scratch, use: useNothing };
  const tools = createTools(execution, stage.ports, stage.voice);
  return { tools, [Symbol.asyncDispose]: async () => stage[Symbol.asyncDispose]() };
}

function useNothing(): never {
  throw new Error('nothing to use');
}

export async function ask(probe: z.input<typeof Probe>, settings: AskSettings = {}) {
  await using open = await openTools(settings);
  return await runProbe(open.tools, Probe.parse(probe));
}

/** A reference to a secret, as the configuration hands it to a plugin. */
export function reference(path: string) {
  return { $secret: { path, source: { from: 'configuration' as const } } };
}
