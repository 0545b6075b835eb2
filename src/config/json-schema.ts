/** The JSON Schema with which editors complete and check a configuration while it is written. */
import { z } from 'zod';
import { hostName } from '#config/fields.ts';
import { instanceSchema } from '#config/instances.ts';
import { isOpen, isSecretField, notesOf, secretKeys, shapeOf } from '#config/introspect.ts';
import { Monitoring } from '#config/monitoring.ts';
import { Notifications } from '#config/notifications.ts';
import {
  Backup,
  ChannelCore,
  DestinationCore,
  Global,
  Host,
  HypervisorCore,
  Redis,
  Updates,
  Version,
} from '#config/schema.ts';
import { serviceSchema } from '#config/services.ts';
import { shareSchemas } from '#config/shared-schemas.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import type { KindName, Plugin } from '#sdk/contract.ts';
import { isSecretSchema } from '#sdk/secret.ts';

type Schema = z.core.JSONSchema.BaseSchema;

/** Where only a number or one of some words fits, a variable fits as well: `port: ${PORT}`. */
const VARIABLE = { type: 'string', pattern: '\\$\\{' } as const;

const COMMAND: Schema = {
  anyOf: [
    { type: 'array', items: { type: 'string' }, minItems: 1 },
    { type: 'string', minLength: 1 },
  ],
};

/** Notes for messages, which say nothing to an editor. */
const PRIVATE_NOTES = ['secret', 'path', 'expects', 'dashes'];

export function configJsonSchema(catalog: PluginCatalog): JsonObject {
  const destinations = plugins(catalog, 'destination').map((plugin) =>
    typed(plugin, instanceSchema(plugin, DestinationCore)),
  );
  const hypervisors = plugins(catalog, 'hypervisor').map((plugin) =>
    typed(plugin, instanceSchema(plugin, HypervisorCore)),
  );
  const channels = plugins(catalog, 'notification').map((plugin) => typed(plugin, instanceSchema(plugin, ChannelCore)));
  const services = plugins(catalog, 'service').map((plugin) => typed(plugin, serviceSchema(plugin)));
  return shareSchemas({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Homelab Autopilot',
    type: 'object',
    additionalProperties: false,
    properties: {
      version: { ...convert(Version), default: 1 },
      global: empty(convert(Global), 'This machine, and what holds for everything'),
      redis: empty(convert(Redis), 'Leave it out to have a private Redis started and supervised'),
      hosts: empty(convert(z.record(hostName(), Host.or(z.null()))), 'The other machines that run a worker'),
      hypervisors: { ...named(hypervisors), description: 'What runs guests, by name' },
      destinations: { ...named(destinations), description: 'Where backup sets are copied to, by name' },
      notifications: empty(withChannels(convert(Notifications), channels), 'Who is told of what'),
      backup: empty(convert(Backup), 'Defaults for the backup section of every service'),
      updates: empty(convert(Updates), 'Defaults for the update section of every service'),
      monitoring: empty(convert(Monitoring), 'How services and hosts are watched'),
      services: { type: ['array', 'null'], items: { anyOf: services }, description: 'What is looked after' },
    },
  });
}

function plugins(catalog: PluginCatalog, kind: KindName): Plugin[] {
  return catalog.ids(kind).flatMap((id) => catalog.find(kind, id) ?? []);
}

/** With the plugin's id as the only `type`, an editor knows which keys belong to an entry. */
function typed(plugin: Plugin, schema: z.ZodObject): JsonObject {
  return { title: plugin.title, ...convert(schema.extend({ type: z.literal(plugin.id) })) };
}

function withChannels(schema: JsonObject, channels: JsonObject[]): JsonObject {
  const { properties } = schema;
  const own = typeof properties === 'object' && properties !== null && !Array.isArray(properties) ? properties : {};
  return { ...schema, properties: { ...own, channels: { ...named(channels), description: 'Channels, by name' } } };
}

function named(members: JsonObject[]): JsonObject {
  return { type: ['object', 'null'], additionalProperties: { anyOf: members } };
}

/** A section may be left with nothing in it. */
function empty(schema: JsonObject, description: string): JsonObject {
  return { description, anyOf: [schema, { type: 'null' }] };
}

function convert(schema: z.ZodType): JsonObject {
  const { $schema: _dialect, ...converted } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodType) adapt(zodSchema, jsonSchema);
    },
  });
  return JSON.parse(JSON.stringify(converted)) as JsonObject;
}

function adapt(schema: z.ZodType, json: Schema): void {
  if (schema instanceof z.ZodObject && !isSecretSchema(schema)) adaptObject(schema, json);
  if (isSecretSchema(schema)) replace(json, { type: 'string', minLength: 1, ...described(json) });
  for (const note of PRIVATE_NOTES) Reflect.deleteProperty(json, note);
  if (json.maximum === Number.MAX_SAFE_INTEGER) Reflect.deleteProperty(json, 'maximum');
  if (json.minimum === Number.MIN_SAFE_INTEGER) Reflect.deleteProperty(json, 'minimum');
  // A constant tells which form is meant, so it stays one.
  if (json.const !== undefined) return;
  const narrow = json.enum !== undefined || json.pattern !== undefined;
  if (narrow || json.type === 'integer' || json.type === 'number' || json.type === 'boolean') {
    const { description, default: standard, ...narrowed } = json;
    replace(json, {
      anyOf: [narrowed, VARIABLE],
      ...(description === undefined ? {} : { description }),
      ...(standard === undefined ? {} : { default: standard }),
    });
  }
}

function adaptObject(schema: z.ZodObject, json: Schema): void {
  json.additionalProperties = isOpen(schema);
  const choices: Schema[] = [];
  for (const [key, field] of Object.entries(shapeOf(schema))) {
    if (!isSecretField(field) || json.properties === undefined) continue;
    const [plain, file, command] = secretKeys(key);
    json.properties[file] = { type: 'string', description: `A file that holds "${key}"` };
    json.properties[command] = { ...COMMAND, description: `A command that prints "${key}"` };
    const variants = [plain, file, command].map((name): Schema => {
      return { type: 'object', properties: { [name]: {} }, required: [name] };
    });
    if (json.required?.includes(key)) choices.push({ oneOf: variants });
    json.required = json.required?.filter((name) => name !== key) ?? [];
  }
  if (choices.length > 0) json.allOf = choices;
  if (json.required?.length === 0) Reflect.deleteProperty(json, 'required');
  if (notesOf(schema).dashes) json.patternProperties = { '-': {} };
}

function described(json: Schema): Schema {
  return json.description === undefined ? {} : { description: json.description };
}

function replace(json: Schema, by: Schema): void {
  for (const key of Object.keys(json)) Reflect.deleteProperty(json, key);
  Object.assign(json, by);
}
