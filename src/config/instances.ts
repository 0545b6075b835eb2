/** An entry that configures a plugin: its core keys, and the keys of the plugin that its `type` names. */
import { z } from 'zod';
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { instanceName } from '#config/fields.ts';
import { isOpen, shapeOf } from '#config/introspect.ts';
import { addError } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { prepare } from '#config/prepare.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { PluginInstance } from '#config/types.ts';
import { canonicalJson, type Json, type JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import type { KindName, Plugin } from '#sdk/contract.ts';

export interface InstanceKind<S extends z.ZodObject> {
  kind: KindName;
  /** Keys that every instance of the kind has; `type` is one of them. */
  core: S;
  /** Sections that the kind adds for a plugin, and reads itself. */
  extra?: (plugin: Plugin) => Record<string, z.ZodType>;
  catalog: PluginCatalog;
}

export interface ReadInstance<S extends z.ZodObject> {
  plugin: Plugin;
  core: z.output<S> | undefined;
  config: JsonObject | undefined;
  /** As written, before defaults. */
  prepared: JsonObject;
}

/** All keys that an instance of a plugin may have. Core keys win over a plugin's keys of the same name. */
export function instanceSchema(plugin: Plugin, core: z.ZodObject, extra: Record<string, z.ZodType> = {}): z.ZodObject {
  const merged = z.object({ ...shapeOf(core), ...pluginShape(plugin, core), ...extra });
  return isOpen(plugin.config) ? merged.loose() : merged;
}

function pluginShape(plugin: Plugin, core: z.ZodObject): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(shapeOf(plugin.config)).filter(([key]) => !(key in core.shape)));
}

/** @returns `undefined` when nothing can be said of the entry because its plugin is not known (which is reported). */
export function readInstance<S extends z.ZodObject>(
  { kind, core, extra, catalog }: InstanceKind<S>,
  section: Section,
): ReadInstance<S> | undefined {
  const type = textOf(child(section.node, 'type'));
  const plugin = type === undefined ? undefined : catalog.find(kind, type);
  if (plugin === undefined) {
    const lenient = core.loose();
    check(lenient, prepare(lenient, section), { section });
    if (type !== undefined)
      reportUnknownType({ kind, type, known: catalog.ids(kind), leftOut: catalog.leftOut(kind, type) }, section);
    return undefined;
  }
  const sections = extra?.(plugin) ?? {};
  const prepared = prepare(instanceSchema(plugin, core, sections), section);
  if (!isObject(prepared)) return undefined;
  const coreKeys = Object.keys(core.shape);
  const others = [...coreKeys, ...Object.keys(sections)];
  return {
    plugin,
    prepared,
    core: check(core, pick(prepared, coreKeys), { section }),
    config: checkPlugin(plugin.config, pluginPart(plugin.config, prepared, others), section),
  };
}

export interface ReadInstances<S extends z.ZodObject> {
  read: { instance: PluginInstance; core: z.output<S>; section: Section }[];
  /** Also of those that are wrong, so that a reference to one is not called wrong as well. */
  names: string[];
  effective: JsonObject;
}

/** Reads a section that holds instances of one kind by their names. */
export function readInstances<S extends z.ZodObject<{ type: z.ZodString }>>(
  kind: InstanceKind<S>,
  section: Section,
): ReadInstances<S> {
  const named = z.record(instanceName(), z.unknown());
  check(named, prepare(named, section), { section });
  const read: ReadInstances<S>['read'] = [];
  const effective: JsonObject = {};
  const entries = section.node.kind === 'map' ? [...section.node.entries] : [];
  for (const [name, { node }] of entries) {
    const inside = { ...section, node, path: [...section.path, name], name: `${section.name}.${name}` };
    const found = readInstance(kind, inside);
    if (found?.core === undefined || found.config === undefined) continue;
    const instance = { name, type: found.core.type, config: found.config };
    read.push({ instance, core: found.core, section: inside });
    effective[name] = defaulted(instanceSchema(found.plugin, kind.core), found.prepared) ?? {};
  }
  return { read, names: entries.map(([name]) => name), effective };
}

/** What of a prepared section belongs to the plugin's own schema. */
export function pluginPart(schema: z.ZodObject, prepared: JsonObject, others: readonly string[]): JsonObject {
  const keys = isOpen(schema) ? Object.keys(prepared) : Object.keys(schema.shape);
  return pick(
    prepared,
    keys.filter((key) => !others.includes(key)),
  );
}

export function pick(from: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

/**
 * Holds a plugin's keys against its schema, for `PluginInstance.config`: defaults filled in, as JSON. It is read by the
 * same schema again where an action runs, so a schema that makes another form of what was written (a number of a
 * duration) keeps the written form here.
 */
export function checkPlugin(schema: z.ZodObject, value: JsonObject, section: Section): JsonObject | undefined {
  const output = check(schema, value, { section });
  if (output === undefined) return undefined;
  const stored = asJson(output);
  const again = schema.safeParse(stored);
  return again.success && canonicalJson(asJson(again.data)) === canonicalJson(stored) ? stored : value;
}

/** Without `undefined`, as it will cross the queue. */
export function asJson(output: unknown): JsonObject {
  return JSON.parse(JSON.stringify(output)) as JsonObject;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}

function reportUnknownType(
  { kind, type, known, leftOut }: { kind: KindName; type: string; known: string[]; leftOut: string | undefined },
  section: Section,
): void {
  const at = child(section.node, 'type')?.at ?? section.node.at;
  const list = known.length === 0 ? `there are no ${kind} plugins` : `known: ${known.join(', ')}`;
  addError(section.report, {
    at,
    path: fullPath({ section, path: ['type'] }),
    // A plugin of the user's own with a mistake in it: the mistake is what there is to correct.
    message: leftOut === undefined ? `unknown ${kind} type "${type}" (${list})` : `its plugin ${leftOut}`,
    suggestion: leftOut === undefined ? nearest(type, known) : undefined,
  });
}
