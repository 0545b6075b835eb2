/** The `update:` sections: defaults at the top level (`updates:`), and what a service says of its own. */
import type { z } from 'zod';
import { check } from '#config/check.ts';
import { asJson, pick } from '#config/instances.ts';
import { compilePing } from '#config/ping.ts';
import { compileSchedule, scheduleForm } from '#config/schedule.ts';
import { Update, Updates } from '#config/schema.ts';
import type { Section } from '#config/section.ts';
import type { Config, UpdateConfig } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';

export const UPDATE_KEYS = Object.keys(Update.shape);

/** @returns `undefined` when the section is wrong. */
export function compileUpdate(
  value: JsonObject,
  spot: { section: Section; inherited: boolean },
  timezone: string,
): Omit<UpdateConfig, 'wanted'> | undefined {
  const update = check(Update, value, spot);
  if (update === undefined) return undefined;
  const { policy, min_age: minAgeMs, tags = null, gate, rollback } = update;
  const parts = new Set(rollback.restore);
  return {
    schedule: compileSchedule(withWindow(update), spot, timezone),
    ping: compilePing(update.ping, spot),
    policy,
    minAgeMs,
    tags,
    gate: { timeoutMs: gate.timeout, stableForMs: gate.stable_for },
    rollback: {
      mode: rollback.mode,
      askAfterMs: rollback.ask_after ?? null,
      image: parts.has('image'),
      config: parts.has('config'),
      data: parts.has('data'),
    },
  };
}

type Written = z.output<typeof Update>;

function withWindow({ schedule, window }: Pick<Written, 'schedule' | 'window'>): Written['schedule'] {
  if (window === undefined || window === null || schedule === null || schedule === false) return schedule;
  const form = typeof schedule === 'string' ? scheduleForm(schedule) : schedule;
  return form.window === undefined ? { ...form, window } : form;
}

/** The registries of the top level's section, as far as they are right. */
export function compileRegistries(value: JsonObject, section: Section): Config['registries'] {
  const schema = Updates.pick({ registries: true });
  const found = check(schema, pick(value, ['registries']), { section });
  return asJson(found?.registries ?? {}) as Config['registries'];
}
