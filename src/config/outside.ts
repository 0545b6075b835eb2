/** The way outside, and the probes that are asked through it. */
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { asJson, isObject } from '#config/instances.ts';
import { addError, addWarning, type Path } from '#config/issues.ts';
import { child, locate } from '#config/locate.ts';
import { prepare } from '#config/prepare.ts';
import { Monitoring } from '#config/schema.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { Json, JsonObject } from '#kernel/json.ts';

export interface Outside {
  /** What takes the place of `external: true`; undefined when none is stated, or a wrong one. */
  route: JsonObject | undefined;
  stated: boolean;
}

export function compileMonitoring(section: Section): { outside: Outside; effective: Json } {
  const prepared = prepare(Monitoring, section);
  const value = check(Monitoring, prepared, { section });
  const route = value?.outside === undefined ? undefined : asJson(value.outside);
  return {
    outside: { route, stated: child(section.node, 'outside') !== undefined },
    effective: defaulted(Monitoring, prepared) ?? {},
  };
}

/**
 * A list of probes with the way outside in those that are asked from there.
 * @param key where in the section the list is written
 */
export function settleProbes(
  key: string,
  probes: Json,
  { section, outside }: { section: Section; outside: Outside },
): Json {
  if (!Array.isArray(probes)) return probes;
  return probes.map((probe, index) => {
    if (!isObject(probe)) return probe;
    const place = (name: string): { at: ReturnType<typeof locate>['at']; path: Path } => {
      const path = [key, index, name];
      return { at: locate(section.node, path).at, path: fullPath({ section, path }) };
    };
    if (probe['insecure'] === true) {
      const message =
        'the certificate of the server is not checked: anybody on the way to it could answer in its place';
      addWarning(section.report, { ...place('insecure'), message });
    }
    if (probe['external'] !== true) return probe;
    if (!outside.stated) {
      const message =
        'no way outside is stated, so this would only look from inside; ' +
        'name a proxy that stands outside under "monitoring.outside"';
      addError(section.report, { ...place('external'), message });
    }
    return outside.route === undefined ? probe : { ...probe, external: outside.route };
  });
}
