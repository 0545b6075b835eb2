/** Calls one action of a plugin: configuration, input and output are all checked against the contract. */

import type { z } from 'zod';
import { instanceConfig, issuesText } from '#host/plugin-config.ts';
import type { HostPorts, StepVoice } from '#host/ports.ts';
import type { Scratch } from '#host/scratch.ts';
import { createTools } from '#host/tools.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Action, Actions, KindName, Plugin, ProbeAnswer } from '#sdk/contract.ts';
import type { PluginRef } from '#sdk/plan.ts';
import type { BoundActions, Tools } from '#sdk/tools.ts';

/** Outputs are kept in Redis and in the history: a list of ten thousand sets is less than this. */
export const LARGEST_OUTPUT = 32 << 20;

/** Where a call happens: one step, its machine, and the instances that the plan handed to it. */
export interface Scene {
  ports: HostPorts;
  voice: StepVoice;
  signal: AbortSignal;
  scratch: Scratch;
  key: string;
  uses: readonly PluginRef[];
  fence?: (() => void) | undefined;
}

/** An action that exists, of a plugin that is installed. */
export interface Target {
  ref: PluginRef;
  plugin: Plugin;
  name: string;
  contract: Action;
  effect: Action['effect'];
}

/** Fails with HA_PLUGIN_INVALID: a plan may name what is not installed on this host. */
export function resolveAction({ ports: { catalog, host } }: Scene, ref: PluginRef, name: string): Target {
  const plugin = catalog.find(ref.kind, ref.type);
  if (plugin === undefined) {
    throw new AutopilotError('HA_PLUGIN_INVALID', `${host} has no ${ref.kind} plugin ${ref.type}`, {
      next: `see "homelab-autopilot plugins list" on ${host}`,
    });
  }
  const contract = catalog.kind(ref.kind).actions[name];
  if (contract === undefined || plugin.actions[name] === undefined) {
    throw new AutopilotError('HA_PLUGIN_INVALID', `the ${ref.kind} plugin ${ref.type} has no action ${name}`);
  }
  return { ref, plugin, name, contract, effect: contract.effect };
}

export async function call(scene: Scene, target: Target, input: unknown): Promise<JsonObject> {
  const perform = target.plugin.actions[target.name];
  if (perform === undefined) throw new AutopilotError('HA_INTERNAL', `${target.name} vanished from ${target.ref.type}`);
  const output = await perform(toolsFor(scene, target), checkedInput(target, input));
  return checkedOutput(target, output);
}

/**
 * Asks the plugin whether a `once` action that was cut short took effect. Done: the output is what its schema makes
 * of `{}`, for a probe tells that it happened, not what it said; the conformance check holds `once` actions to that.
 * @returns the output, or `undefined` when the action has not happened and is to be run.
 */
export async function probeOnce(scene: Scene, target: Target, input: unknown): Promise<JsonObject | undefined> {
  const { plugin, name, ref } = target;
  const ask = probeOf(plugin, name);
  const answer = ask === undefined ? 'unknown' : await ask(toolsFor(scene, target), checkedInput(target, input));
  if (answer === 'done') return checkedOutput(target, {});
  if (answer === 'not-done') return undefined;
  throw new AutopilotError(
    'HA_OUTCOME_UNKNOWN',
    `${ref.name}: ${name} was cut short, and nobody can tell if it happened`,
    {
      next: `look at ${ref.name} yourself, put it in order, and start a new run`,
    },
  );
}

type AskPlugin = (tools: Tools, input: unknown) => Promise<ProbeAnswer>;

/** The type of a plugin of any kind knows of no `once` actions; the check at load has seen that these are functions. */
function probeOf({ probes = {} }: Plugin, action: string): AskPlugin | undefined {
  return (probes as Record<string, AskPlugin | undefined>)[action];
}

function toolsFor(scene: Scene, { plugin, ref }: Target): Tools {
  const { ports, voice, signal, scratch, key, fence } = scene;
  const config = instanceConfig(plugin, ref);
  const use: Tools['use'] = (kind, name) => boundActions<typeof kind.actions>(scene, kind.name, name);
  return createTools({ config, name: ref.name, stepKey: key, signal, fence, scratch, use }, ports, voice);
}

function boundActions<A extends Actions>(scene: Scene, kind: KindName, name: string): BoundActions<A> {
  const ref = scene.uses.find((used) => used.kind === kind && used.name === name);
  if (ref === undefined) {
    throw new AutopilotError('HA_PLUGIN_INVALID', `the plan did not hand ${kind} ${name} to the step ${scene.key}`);
  }
  const plugin = scene.ports.catalog.find(kind, ref.type);
  const names = Object.entries(scene.ports.catalog.kind(kind).actions)
    .filter(([action, { optional }]) => !optional || plugin?.actions[action] !== undefined)
    .map(([action]) => action);
  const bound = names.map((action) => [action, async (input: unknown) => callBound(scene, ref, { action, input })]);
  // The contract that types the caller is the one that checks each input and output here.
  return Object.fromEntries(bound) as BoundActions<A>;
}

/** After a crash only a whole step can be asked about, so what must happen once cannot hide inside of another. */
async function callBound(scene: Scene, ref: PluginRef, what: { action: string; input: unknown }): Promise<JsonObject> {
  const target = resolveAction(scene, ref, what.action);
  if (target.effect === 'once') {
    throw new AutopilotError(
      'HA_PLUGIN_INVALID',
      `${ref.kind} ${ref.name}: ${what.action} can only be a step of its own`,
    );
  }
  return call(scene, target, what.input);
}

function checkedInput({ contract, name, ref }: Target, input: unknown): unknown {
  return checked(contract.input, input, (problems) => {
    return new AutopilotError('HA_PLUGIN_INVALID', `${ref.name}: ${name} was given a wrong input: ${problems}`);
  });
}

function checkedOutput({ contract, name, ref }: Target, output: unknown): JsonObject {
  const value = checked(contract.output, output, (problems) => {
    return new AutopilotError(
      'HA_BAD_OUTPUT',
      `${ref.name}: ${name} of the plugin ${ref.type} gave a wrong output: ${problems}`,
    );
  });
  // Outputs are objects of plain data by their contract. This drops keys that are there but undefined.
  const text = JSON.stringify(value);
  if (text.length > LARGEST_OUTPUT) throw tooLarge(`${ref.name}: ${name} of the plugin ${ref.type}`, text.length);
  return JSON.parse(text) as JsonObject;
}

function tooLarge(who: string, length: number): AutopilotError {
  const [size, largest] = [length, LARGEST_OUTPUT].map((characters) => `${characters >> 20} MiB`);
  return new AutopilotError('HA_BAD_OUTPUT', `${who} gave an output of ${size}; more than ${largest} is not taken`, {
    next: 'large data belongs into a file; report it to the author of the plugin',
  });
}

function checked(schema: z.ZodType, value: unknown, failure: (problems: string) => AutopilotError): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw failure(issuesText(parsed.error));
}
