/** Probes that are asked from outside, by the way that the configuration states for all of them. */
import { isObject } from '#config/instances.ts';
import { addError, addWarning } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { Json, JsonObject } from '#kernel/json.ts';

/**
 * A list of probes with the way outside in those that are asked from there. What they say to every certificate is told.
 * @param key where in the section the list is written
 */
export function settleProbes(
  key: string,
  probes: Json,
  { section, outside }: { section: Section; outside: JsonObject | null },
): Json {
  if (!Array.isArray(probes)) return probes;
  return probes.map((probe, index) => {
    if (!isObject(probe)) return probe;
    const finding = (name: string, message: string) => {
      const path = [key, index, name];
      return { at: locate(section.node, path).at, path: fullPath({ section, path }), message };
    };
    if (probe['insecure'] === true) addWarning(section.report, finding('insecure', UNCHECKED));
    if (probe['external'] !== true || !ROUTED.has(probe['type'])) return probe;
    if (outside === null) addError(section.report, finding('external', NO_WAY));
    return outside === null ? probe : { ...probe, external: outside };
  });
}

/** Kinds of probes that can go another way. A command goes by itself, and only says that it does. */
const ROUTED = new Set<Json | undefined>(['http', 'tcp']);

const UNCHECKED = 'the certificate of the server is not checked: anybody on the way to it could answer in its place';

const NO_WAY =
  'no way outside is stated, so this would only look from inside; ' +
  'name a proxy that stands outside under "monitoring.outside"';
