/** The second stage, for people: what was written, in its own words, with the defaults filled in and secrets masked. */
import { z } from 'zod';
import { alternative, core, layers, memberSchema, shapeOf } from '#config/introspect.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { SecretRef } from '#sdk/secret.ts';

const MASK = '***';

/** @returns `undefined` when nothing was written and there is no default. */
export function defaulted(schema: z.ZodType | undefined, value: Json | undefined): Json | undefined {
  const given = value === undefined && schema !== undefined ? defaultOf(schema) : value;
  if (given === undefined || given === null || typeof given !== 'object') return given;
  const form = schema === undefined ? undefined : formFor(schema, given);
  if (Array.isArray(given)) return given.map((item, index) => defaulted(memberSchema(form, index), item) ?? null);
  return masked(form instanceof z.ZodObject ? filled(form, given) : mapMembers(form, given));
}

function filled(schema: z.ZodObject, value: JsonObject): JsonObject {
  const members: JsonObject = {};
  for (const [key, field] of Object.entries(shapeOf(schema))) {
    const member = defaulted(field, value[key]);
    if (member !== undefined) members[key] = member;
  }
  // Keys of an open schema have no field to look up.
  for (const [key, member] of Object.entries(value)) members[key] ??= member;
  return members;
}

function mapMembers(form: z.ZodType | undefined, value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, defaulted(memberSchema(form, key), member) ?? null]),
  );
}

function defaultOf(schema: z.ZodType): Json | undefined {
  for (const layer of layers(schema)) {
    // What a default holds is what its schema takes or gives, and both are JSON in a configuration.
    if (layer instanceof z.ZodDefault || layer instanceof z.ZodPrefault) return layer.def.defaultValue as Json;
  }
  return undefined;
}

function formFor(schema: z.ZodType, value: Json[] | JsonObject): z.ZodType {
  const kind = Array.isArray(value) ? 'list' : 'map';
  const word = (key: string): string | undefined => {
    const member = Array.isArray(value) ? undefined : value[key];
    return typeof member === 'string' ? member : undefined;
  };
  return alternative(schema, { kind, word }) ?? core(schema);
}

/** References become what a person wrote, without the secret: of a command only the program is shown. */
function masked(value: JsonObject): JsonObject {
  const members: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const secret = SecretRef.safeParse(member);
    const source = secret.data?.$secret.source;
    if (source === undefined) members[key] = member;
    else if (source.from === 'file') members[`${key}_file`] = source.file;
    else if (source.from === 'command') members[`${key}_command`] = [source.command[0] ?? '', MASK];
    else members[key] = MASK;
  }
  return members;
}
