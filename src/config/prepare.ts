/** From what was written to what a schema can judge: known keys, secrets as references, paths made absolute. */

import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { foldSecret } from '#config/fold-secret.ts';
import {
  alternative,
  core,
  type FieldNotes,
  isOpen,
  isSecretField,
  memberSchema,
  notesOf,
  secretKeys,
  shapeOf,
  takesNull,
  writableKeys,
} from '#config/introspect.ts';
import { addError, type Place } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { absolutePath, fullPath, type Section, type Spot } from '#config/section.ts';
import type { WrittenMap, WrittenNode, WrittenScalar } from '#config/source.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';

/** Reports unknown keys and unusable secrets; what remains is for the schema to judge. */
export function prepare(schema: z.ZodType | undefined, section: Section): Json {
  return prepareNode(schema, section.node, { section, path: [], name: section.name });
}

function prepareNode(schema: z.ZodType | undefined, node: WrittenNode, spot: Spot): Json {
  if (schema === undefined) return plain(node);
  const notes = notesOf(schema);
  const form = alternative(schema, { kind: node.kind, word: (key) => textOf(child(node, key)) });
  if (node.kind === 'scalar') {
    if (node.value === null && !takesNull(schema)) return emptyFor(form ?? core(schema));
    return prepareScalar(schema, node, { ...spot, notes });
  }
  if (node.kind === 'list') {
    return node.items.map((item, index) => prepareNode(memberSchema(form, index), item, step(spot, index)));
  }
  if (form instanceof z.ZodObject) return prepareObject(form, node, { ...spot, notes });
  const members: JsonObject = {};
  for (const [key, entry] of node.entries) {
    members[key] = prepareNode(memberSchema(form, key), entry.node, step(spot, key));
  }
  return members;
}

/** A key with nothing after it, as is left when its members are commented out, means an empty section. */
function emptyFor(form: z.ZodType): Json {
  if (form instanceof z.ZodObject || form instanceof z.ZodRecord) return {};
  return form instanceof z.ZodArray ? [] : null;
}

function step(spot: Spot, word: string | number): Spot {
  const name = typeof word === 'number' ? `${spot.name}[${word}]` : `${spot.name}.${word}`;
  return { section: spot.section, path: [...spot.path, word], name };
}

function prepareObject(schema: z.ZodObject, node: WrittenMap, spot: Spot & { notes: FieldNotes }): JsonObject {
  const shape = shapeOf(schema);
  const known = new Set(writableKeys(schema));
  const members: JsonObject = {};
  for (const [key, { keyAt, node: value }] of node.entries) {
    const dashed = key.replaceAll('-', '_');
    const field = !known.has(key) && spot.notes.dashes && known.has(dashed) ? dashed : key;
    const inside = step(spot, key);
    if (!known.has(field)) {
      if (isOpen(schema)) members[key] = plain(value);
      else reportUnknown({ key, at: keyAt }, known, inside);
    } else if (field in members) {
      addError(spot.section.report, { at: keyAt, path: fullPath(inside), message: `"${field}" is written twice` });
    } else {
      const fieldSchema = shape[field];
      const given = fieldSchema !== undefined && !isSecretField(fieldSchema);
      if (given) members[field] = prepareNode(fieldSchema, value, inside);
    }
  }
  for (const [key, field] of Object.entries(shape)) {
    if (!isSecretField(field) || !secretKeys(key).some((variant) => node.entries.has(variant))) continue;
    members[key] = foldSecret(key, node, step(spot, key));
  }
  return members;
}

function reportUnknown({ key, at }: { key: string; at: Place }, known: Set<string>, spot: Spot): void {
  addError(spot.section.report, {
    at,
    path: fullPath(spot),
    message: `unknown key "${key}"`,
    suggestion: nearest(key.replaceAll('-', '_'), known),
  });
}

function prepareScalar(schema: z.ZodType, node: WrittenScalar, spot: Spot & { notes: FieldNotes }): Json {
  const { value } = node;
  if (typeof value !== 'string') return value;
  if (spot.notes.path === true && value !== '') return absolutePath(value, node.at, spot);
  // `port: ${PORT}` is text in YAML; where only a number or a yes/no will do, it is read as one.
  if (node.expanded && !schema.safeParse(value).success) {
    const typed = scalarOf(value);
    if (schema.safeParse(typed).success) return typed;
  }
  return value;
}

function scalarOf(text: string): Json {
  return /^(?:true|false|-?\d+(?:\.\d+)?)$/.test(text) ? (parseYaml(text) as Json) : text;
}

/** The values alone. */
function plain(node: WrittenNode): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plain(entry.node)]));
}
