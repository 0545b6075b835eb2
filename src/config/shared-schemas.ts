/** Writes what a JSON Schema says in several places once, under `$defs`: what is read gets much shorter. */
import type { Json, JsonObject } from '#kernel/json.ts';

/** They say what a key is for where it stands, and so stay there, beside the reference. */
const NOTES = new Set(['title', 'description', 'default']);

const POINTER = '#/$defs/';

/** Below this length a reference would be hardly shorter than what it stands for. */
const WORTH_SHARING = 100;

/** By what a keyword of ours holds: one schema, a list of them, or a map from names to them. */
const HOLDS_ONE = new Set(['items', 'additionalProperties', 'propertyNames', 'not']);
const HOLDS_LIST = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const HOLDS_MAP = new Set(['properties', 'patternProperties']);

export function shareSchemas(pieces: JsonObject): JsonObject {
  const definitions: JsonObject = {};
  const whole = lift(pieces, definitions);
  const uses = new Map<string, number>();
  count(whole, uses);
  const sharing = { uses, names: new Map<string, string>(), definitions };
  const root = mapParts(whole, (part, key) => share(part, key ?? 'section', sharing));
  return { ...root, $defs: definitions };
}

/**
 * A schema that holds itself was written under `$defs` of the piece that was converted with it, but every reference is
 * looked up at the top.
 */
function lift({ $defs, ...schema }: JsonObject, definitions: JsonObject): JsonObject {
  if ($defs === undefined || !isSchema($defs)) return mapParts(schema, (part) => lift(part, definitions));
  const names = new Map<string, string>();
  for (const own of Object.keys($defs)) {
    const name = freeName('value', definitions);
    definitions[name] = {};
    names.set(POINTER + own, name);
  }
  const renamed = (part: JsonObject): JsonObject => {
    const { $ref, ...rest } = mapParts(part, renamed);
    const name = typeof $ref === 'string' ? names.get($ref) : undefined;
    return name === undefined ? rest : { $ref: POINTER + name, ...rest };
  };
  for (const [own, part] of Object.entries($defs)) {
    if (isSchema(part)) definitions[names.get(POINTER + own) ?? own] = renamed(part);
  }
  return renamed(schema);
}

/** What is the same was looked through the first time: its parts are used once by it, however often it is used itself. */
function count(schema: JsonObject, uses: Map<string, number>): void {
  mapParts(schema, (part) => {
    const text = JSON.stringify(withoutNotes(part));
    const before = uses.get(text) ?? 0;
    uses.set(text, before + 1);
    if (before === 0) count(part, uses);
    return part;
  });
}

interface Sharing {
  /** How many places use a schema, by its text. */
  uses: ReadonlyMap<string, number>;
  /** Those that are written under `$defs`, by their text. */
  names: Map<string, string>;
  definitions: JsonObject;
}

function share(schema: JsonObject, key: string, sharing: Sharing): JsonObject {
  const { uses, names, definitions } = sharing;
  const plain = withoutNotes(schema);
  const text = JSON.stringify(plain);
  if (text.length < WORTH_SHARING || (uses.get(text) ?? 0) < 2) {
    return mapParts(schema, (part, inside) => share(part, inside ?? key, sharing));
  }
  let name = names.get(text);
  if (name === undefined) {
    name = freeName(key, definitions);
    names.set(text, name);
    // Its place is taken before its parts take theirs.
    definitions[name] = {};
    definitions[name] = mapParts(plain, (part, inside) => share(part, inside ?? key, sharing));
  }
  const notes = Object.entries(schema).filter(([keyword]) => NOTES.has(keyword));
  return { $ref: POINTER + name, ...Object.fromEntries(notes) };
}

/** By the first key that it describes, as somebody who looks into the file would call it. */
function freeName(key: string, taken: JsonObject): string {
  let name = key;
  for (let number = 2; name in taken; number += 1) name = `${key}_${number}`;
  return name;
}

function withoutNotes(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !NOTES.has(keyword)));
}

/** The same schema with each schema that it holds replaced; `key` is the property that the part describes, if it is one. */
function mapParts(schema: JsonObject, replace: (part: JsonObject, key?: string) => JsonObject): JsonObject {
  const mapped = Object.entries(schema).map(([keyword, value]): [string, Json] => {
    if (HOLDS_ONE.has(keyword) && isSchema(value)) return [keyword, replace(value)];
    if (HOLDS_LIST.has(keyword) && Array.isArray(value)) {
      return [keyword, value.map((part) => (isSchema(part) ? replace(part) : part))];
    }
    if (HOLDS_MAP.has(keyword) && isSchema(value)) {
      const parts = Object.entries(value).map(([key, part]) => [key, isSchema(part) ? replace(part, key) : part]);
      return [keyword, Object.fromEntries(parts)];
    }
    return [keyword, value];
  });
  return Object.fromEntries(mapped);
}

/** Where a schema may stand, `true` or `false` may stand as well. */
function isSchema(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
