/** Performs single actions of plugins in this process: for people who ask, and not for a run. */
import type { Performer } from '#app/performer.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Actions, Kind, OutputOf } from '#sdk/contract.ts';
import type { PluginRef } from '#sdk/plan.ts';

export interface Acting {
  performer: Performer;
  /** `doctor`, `look`: how the keys of the actions begin. */
  purpose: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface Act<K> {
  action: K;
  plugin: PluginRef;
  input?: JsonObject;
  uses?: readonly PluginRef[];
  /** For what must not be done twice. Default: a new one. */
  key?: string;
}

/** @returns the output, as the kind of plugin says that it is. */
export async function act<A extends Actions, K extends keyof A & string>(
  { performer, purpose, timeoutMs, signal }: Acting,
  kind: Kind<A>,
  { action, plugin, input = {}, uses = [], key = `${purpose}-${newId()}` }: Act<K>,
): Promise<OutputOf<A[K]>> {
  const step = { plugin, uses: [...uses], action, input, key, timeoutMs, mayHaveRun: false, voice: SILENT_VOICE };
  const declared = kind.actions[action];
  if (declared === undefined) throw new Error(`${kind.name} has no action ${action}`);
  return declared.output.parse(await performer.act(step, signal)) as OutputOf<A[K]>;
}
