/** A JSON Schema that says things once says the same as one that writes them out. */
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { configJsonSchema } from '#config/json-schema.ts';
import { shareSchemas } from '#config/shared-schemas.ts';
import { loadPlugins } from '#host/plugins.ts';
import type { Json, JsonObject } from '#kernel/json.ts';

const LONG = { type: 'object', properties: { cron: { type: 'string' }, zone: { type: 'string' } }, required: ['cron'] };
const LONGER = { anyOf: [LONG, { type: 'array', items: LONG, minItems: 2 }, { type: 'boolean' }, { type: 'null' }] };

/** With every reference replaced by what it leads to; what stands beside it stays. */
function writtenOut({ $defs = {}, ...schema }: JsonObject): Json {
  const definitions = $defs as Record<string, JsonObject>;
  const replace = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(replace);
    if (value === null || typeof value !== 'object') return value;
    const { $ref, ...rest } = value;
    if (typeof $ref === 'string') return replace({ ...definitions[$ref.replace('#/$defs/', '')], ...rest });
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, replace(part)]));
  };
  return replace(schema);
}

test('what stands in several places is written once, and what a key is for stays with the key', () => {
  const whole = {
    properties: {
      backup: { ...LONGER, description: 'When backups are made' },
      update: { ...LONGER, description: 'When updates are made', default: false },
      once: { enum: ['a schema that stands in one place alone stays there, however long its text may be, with all'] },
    },
  };

  const shared = shareSchemas(whole);

  expect(shared['properties']).toEqual({
    backup: { $ref: '#/$defs/backup', description: 'When backups are made' },
    update: { $ref: '#/$defs/backup', description: 'When updates are made', default: false },
    once: whole.properties.once,
  });
  expect(Object.keys(shared['$defs'] ?? {})).toEqual(['backup', 'backup_2']);
  expect(writtenOut(shared)).toEqual(whole);
});

test('what only looks like a schema is left as it is: a default, a choice, a property of that name', () => {
  const whole = {
    properties: {
      a: { type: 'object', default: LONG, properties: { default: { type: 'string' }, items: { type: 'string' } } },
      b: { enum: [LONG, LONG] },
    },
  };

  expect(shareSchemas(whole)).toEqual({ ...whole, $defs: {} });
});

test('a schema that holds itself is found from the top, also where two plugins have one of the same name', () => {
  const tree = (leaf: string): JsonObject => ({
    properties: { body: { $ref: '#/$defs/__schema0', description: 'What is sent' } },
    $defs: { __schema0: { anyOf: [{ type: leaf }, { type: 'array', items: { $ref: '#/$defs/__schema0' } }] } },
  });

  const shared = shareSchemas({ anyOf: [tree('string'), tree('null')] });

  const pointing = (to: string) => ({ properties: { body: { $ref: `#/$defs/${to}`, description: 'What is sent' } } });
  const holding = (leaf: string, itself: string) => ({
    anyOf: [{ type: leaf }, { type: 'array', items: { $ref: `#/$defs/${itself}` } }],
  });
  expect(shared).toEqual({
    anyOf: [pointing('value'), pointing('value_2')],
    $defs: { value: holding('string', 'value'), value_2: holding('null', 'value_2') },
  });
});

describe('the schema of the configuration', async () => {
  const { catalog } = await loadPlugins({ builtin: path.resolve(import.meta.dirname, '../../plugins') });
  const shared = configJsonSchema(catalog);
  const text = JSON.stringify(shared);

  test('has every definition that it refers to, and refers to each that it has', () => {
    const used = [...text.matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)].map(([, name]) => name);

    expect(new Set(used)).toEqual(new Set(Object.keys(shared['$defs'] ?? {})));
  });

  test('is read by others, and judges what stands behind a reference', () => {
    const schema = z.fromJSONSchema(shared);
    const channel = (body: Json) => ({
      notifications: { channels: { hook: { type: 'webhook', webhook_url: 'https://hooks.example.org/', body } } },
    });

    expect(schema.safeParse(channel({ a: [{ b: '{{title}}' }, null, 3] })).error?.issues).toBeUndefined();
    expect(schema.safeParse(channel('no map')).success).toBe(false);
    expect(schema.safeParse({ backup: { retention: { keep_daily: 3 } } }).success).toBe(true);
    expect(schema.safeParse({ backup: { retention: { keep_daily: -1 } } }).success).toBe(false);
  });

  test('is short enough to be read by a program with the limits that programs have', () => {
    expect(JSON.stringify(shared, null, 2).length).toBeLessThan(300_000);
  });
});
