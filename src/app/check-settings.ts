/** What the check of a service's versions goes by: its own section, the registries, and what people have decided. */
import type { Config, ServiceConfig } from '#config/types.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { CheckSettings } from '#sdk/versions/settings.ts';

export function checkSettings(
  { registries }: Pick<Config, 'registries'>,
  { update }: Pick<ServiceConfig, 'update'>,
  decisions: readonly Decision[],
): CheckSettings {
  const { policy, minAgeMs, tags } = update;
  return { policy, minAgeMs, tags, registries: { ...registries }, decisions: [...decisions] };
}
