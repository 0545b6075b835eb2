/** Performs single actions of plugins for a rehearsal, in this process and with a state directory of its own. */
import type { Performer } from '#app/performer.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Actions, Kind, OutputOf } from '#sdk/contract.ts';
import type { PluginRef } from '#sdk/plan.ts';

export interface Acting {
  performer: Performer;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface Act<K> {
  action: K;
  plugin: PluginRef;
  input?: JsonObject;
  uses?: readonly PluginRef[];
}

/** @returns the output, as the kind of plugin says that it is. */
export async function act<A extends Actions, K extends keyof A & string>(
  { performer, timeoutMs, signal }: Acting,
  kind: Kind<A>,
  { action, plugin, input = {}, uses = [] }: Act<K>,
): Promise<OutputOf<A[K]>> {
  const step = { plugin, uses: [...uses], action, input, key: `rehearse-${newId()}` };
  const given = { ...step, timeoutMs, mayHaveRun: false, voice: SILENT_VOICE };
  const declared = kind.actions[action];
  if (declared === undefined) throw new Error(`${kind.name} has no action ${action}`);
  return declared.output.parse(await performer.act(given, signal)) as OutputOf<A[K]>;
}
