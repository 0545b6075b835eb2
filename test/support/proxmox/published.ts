/** Holds an exchange to the API description that Proxmox VE publishes, where that file is at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { root } from '#test/support/sources.ts';

const Schema = z.looseObject({
  type: z.string().optional(),
  optional: z.coerce.number().optional(),
  enum: z.array(z.string()).optional().catch(undefined),
  minimum: z.number().optional().catch(undefined),
  maximum: z.number().optional().catch(undefined),
  maxLength: z.number().optional().catch(undefined),
  get properties() {
    return z.record(z.string(), Schema).optional();
  },
  get items() {
    return Schema.optional();
  },
});
type Schema = z.output<typeof Schema>;

const Method = z.looseObject({ parameters: Schema.optional(), returns: Schema.optional() });
const File = z.record(z.string(), z.unknown());

export interface Exchange {
  /** `GET /nodes/{node}/lxc/{vmid}/config` */
  method: string;
  params: Record<string, string>;
  data: unknown;
}

/** @returns what is wrong with an exchange; undefined when the published description is not at hand. */
export function openPublished(): ((exchange: Exchange) => string[]) | undefined {
  const path = join(process.env['HLA_SCHEMAS'] ?? join(root, '../shared/schemas'), 'proxmox-9.1.3-methods.json');
  if (!existsSync(path)) return undefined;
  const file = File.parse(JSON.parse(readFileSync(path, 'utf8')));
  return ({ method, params, data }) => {
    if (file[method] === undefined) return [`${method} is not published`];
    const { parameters, returns } = Method.parse(file[method]);
    const asked = wrong({ ...parameters, type: 'object', closed: true }, params, 'asked');
    return [...asked, ...(returns === undefined ? [] : wrong(returns, data, 'answered'))].map(
      (one) => `${method}: ${one}`,
    );
  };
}

function wrong(schema: Schema, value: unknown, at: string): string[] {
  if (value === undefined || value === null)
    return schema.optional === 1 || schema.type === 'null' ? [] : [`${at} is missing`];
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${at} is no list`];
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((one, index) => wrong(items, one, `${at}[${index}]`));
  }
  if (schema.type === 'object') return typeof value === 'object' ? wrongIn(schema, value, at) : [`${at} is no object`];
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return isScalar(schema, text) ? [] : [`${at} is ${text}`];
}

function wrongIn(schema: Schema, value: object, at: string): string[] {
  const properties = schema.properties ?? {};
  // `mp[n]` stands for `mp0`, `mp1` and so on.
  const isKnown = (key: string) => (properties[key] ?? properties[key.replace(/\d+$/, '[n]')]) !== undefined;
  const unknown = schema['closed'] === true ? Object.keys(value).filter((key) => !isKnown(key)) : [];
  return [
    ...unknown.map((key) => `${at}.${key} is not defined`),
    ...Object.entries(properties).flatMap(([key, one]) => wrong(one, Reflect.get(value, key), `${at}.${key}`)),
  ];
}

function isScalar({ type, enum: words, minimum, maximum, maxLength }: Schema, text: string): boolean {
  if (type === 'integer' && !/^-?\d+$/.test(text)) return false;
  if (type === 'number' && !Number.isFinite(Number(text))) return false;
  if (type === 'boolean' && !/^(?:0|1|true|false)$/.test(text)) return false;
  const tooFar = Number(text) < (minimum ?? -Infinity) || Number(text) > (maximum ?? Infinity);
  return !tooFar && text.length <= (maxLength ?? Infinity) && (words === undefined || words.includes(text));
}
