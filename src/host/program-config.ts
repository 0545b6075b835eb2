/** The configuration of a plugin that is a program: its JSON Schemas as our schemas, its secrets as values. */
import { z } from 'zod';
import type { Keys } from '#host/program-protocol.ts';
import { errorText } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import { SecretRef, secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

/** @throws an Error that names the key whose JSON Schema is none, or says what we cannot check. */
export function keysSchema({ properties, required }: Keys): z.ZodObject {
  const unknown = required.find((key) => !(key in properties));
  if (unknown !== undefined) throw new Error(`${unknown} is required, but not among the properties`);
  const entries = Object.entries(properties).map(([key, schema]) => {
    const checked = keySchema(key, schema);
    return [
      key,
      required.includes(key) || checked.safeParse(undefined).success ? checked : checked.optional(),
    ] as const;
  });
  return z.object(Object.fromEntries(entries));
}

function keySchema(key: string, { secret: isSecret = false, ...schema }: Keys['properties'][string]): z.ZodType {
  const { description } = schema;
  if (isSecret) return typeof description === 'string' ? secret().describe(description) : secret();
  try {
    return z.fromJSONSchema(schema);
  } catch (error) {
    throw new Error(`${key}: ${errorText(error)}`, { cause: error });
  }
}

/** The same configuration with the value of each secret in the place of its reference. */
export async function withSecrets(tools: Tools, value: unknown): Promise<Json> {
  const reference = SecretRef.safeParse(value);
  if (reference.success) return tools.secret(reference.data);
  if (Array.isArray(value)) return Promise.all(value.map(async (one) => withSecrets(tools, one)));
  if (typeof value !== 'object' || value === null) return z.json().parse(value ?? null);
  const entries = Object.entries(value).map(async ([key, one]) => [key, await withSecrets(tools, one)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
