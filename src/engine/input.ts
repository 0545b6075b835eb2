/** Fills the places of a step's input that stand for the output of an earlier step. */

import type { StepStates } from '#engine/run.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { UndoStep } from '#sdk/plan.ts';
import { isOutputRef } from '#sdk/plan.ts';

/** A reference to a step that has no output (it failed, or never ran) leaves its place out: the schema has the say. */
export function fillInput(step: UndoStep, states: StepStates): JsonObject {
  return fillObject(step.input, states);
}

function fillObject(value: JsonObject, states: StepStates): JsonObject {
  const filled: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    const result = fill(member, states);
    if (result !== undefined) filled[name] = result;
  }
  return filled;
}

function fill(value: Json, states: StepStates): Json | undefined {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((member) => fill(member, states) ?? null);
  if (isOutputRef(value)) return states.get(value.$output.step)?.output?.[value.$output.field];
  return fillObject(value, states);
}
