/** The `update:` sections: defaults at the top level (`updates:`), and what a service says of its own. */
import { check } from '#config/check.ts';
import { Update } from '#config/schema.ts';
import type { Section } from '#config/section.ts';
import type { UpdateConfig } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';

export const UPDATE_KEYS = Object.keys(Update.shape);

/** @returns `undefined` when the section is wrong. */
export function compileUpdate(
  value: JsonObject,
  spot: { section: Section; inherited: boolean },
): UpdateConfig | undefined {
  const update = check(Update, value, spot);
  if (update === undefined) return undefined;
  const { gate, rollback } = update;
  const parts = new Set(rollback.restore);
  return {
    gate: { timeoutMs: gate.timeout, stableForMs: gate.stable_for },
    rollback: {
      mode: rollback.mode,
      image: parts.has('image'),
      config: parts.has('config'),
      data: parts.has('data'),
    },
  };
}
