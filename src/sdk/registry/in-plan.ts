/** Who we are at registries, for the steps of a plan that may have to fetch an image again. */
import type { RegistriesSettings } from '#sdk/registry/settings.ts';
import { CheckSettings } from '#sdk/versions/settings.ts';
import type { PlanContext } from '#sdk/workflow.ts';

export function registriesOf({ change }: Pick<PlanContext, 'change'>): RegistriesSettings {
  return CheckSettings.parse(change.policy).registries;
}
