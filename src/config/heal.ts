/** `heal` of a service: whether it is restarted when it is down, how often, and how long is waited in between. */
import { z } from 'zod';
import { duration, timeLimit } from '#config/fields.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { addError } from '#config/issues.ts';
import { child } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { ServiceCheck } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Plugin } from '#sdk/contract.ts';
import type { HealRules } from '#sdk/heal.ts';

const Heal = z.strictObject({
  after: duration().prefault('0s').describe('How long it must have been down, from the first bad answer on'),
  attempts: z
    .int()
    .min(1)
    .max(20)
    .default(3)
    .describe('How often it is restarted within `window`; then a person is told'),
  window: timeLimit().prefault('24h').describe('How long a restart counts, also when it helped'),
  backoff: timeLimit().prefault('1m').describe('The pause after the first restart; it doubles with each further one'),
  max_backoff: timeLimit().prefault('30m').describe('The longest such pause'),
});

/** The key of a service. */
export const HealField = z
  .union([z.boolean(), Heal])
  .optional()
  .meta({ expects: '`true`, `false`, or a map' } satisfies FieldNotes)
  .describe('Restart it when it is down: see [monitoring](../monitoring.md#restarts). Default: false');

/** @returns null when it is not to be restarted, or never can be: that is in the report. */
export function compileHeal(
  written: z.output<typeof HealField>,
  { section, ...service }: Service & { section: Section },
): HealRules | null {
  if (written === undefined || written === false) return null;
  const problem = problemOf(service);
  if (problem !== undefined) {
    const at = child(section.node, 'heal')?.at ?? section.node.at;
    addError(section.report, { at, path: fullPath({ section, path: ['heal'] }), message: problem });
    return null;
  }
  const { after, attempts, window, backoff, max_backoff: longest } = written === true ? Heal.parse({}) : written;
  return { afterMs: after, attempts, windowMs: window, backoffMs: backoff, maxBackoffMs: Math.max(backoff, longest) };
}

interface Service {
  plugin: Plugin;
  /** What its plugin takes of it. */
  config: JsonObject;
  checks: readonly ServiceCheck[];
}

function problemOf({ plugin, config, checks }: Service): string | undefined {
  if (plugin.actions['restart'] === undefined) return `services of type ${plugin.id} cannot be restarted by us`;
  const lacking = plugin.lacks?.['restart']?.(asItsActionsSeeIt(plugin, config));
  if (lacking !== undefined) return `it cannot be restarted: ${lacking}`;
  if (checks.some(({ external }) => !external)) return undefined;
  return 'nothing tells that it is down: give it "validate:", or probes under "monitor:"';
}

function asItsActionsSeeIt(plugin: Plugin, { backup, update, ...own }: JsonObject): Record<string, unknown> {
  return {
    ...plugin.config.safeParse(own).data,
    backup: plugin.backup?.safeParse(backup).data,
    update: plugin.update?.safeParse(update).data,
  };
}
