/** Looking into zod schemas: what a field takes, beneath its defaults and transformations. */
import { z } from 'zod';
import { isSecretSchema } from '#sdk/secret.ts';

/**
 * What a schema may tell the configuration about a field through `.meta({…})`.
 * - `path`: a path of a file or directory; a relative one counts from the directory of the file it is written in.
 * - `expects`: what to write, for messages: `a duration such as 30s, 5m or 1h30m`.
 * - `dashes`: keys may be spelled with `-` for `_`.
 */
export interface FieldNotes {
  path?: boolean;
  expects?: string;
  dashes?: boolean;
}

/** One layer off: optional, default, and the like; for a pipe the side that takes what was written. */
function inner(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodPipe) {
    const side = schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in;
    return side as z.ZodType;
  }
  if (schema instanceof z.ZodLazy) return schema.def.getter() as z.ZodType;
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNonOptional ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch
  ) {
    return schema.def.innerType as z.ZodType;
  }
  return undefined;
}

/** The schema and all that it wraps, outermost first. */
export function layers(schema: z.ZodType): z.ZodType[] {
  const all: z.ZodType[] = [];
  for (let layer: z.ZodType | undefined = schema; layer !== undefined; layer = inner(layer)) all.push(layer);
  return all;
}

export function core(schema: z.ZodType): z.ZodType {
  return layers(schema).at(-1) ?? schema;
}

export function isSecretField(schema: z.ZodType): boolean {
  return layers(schema).some(isSecretSchema);
}

export function notesOf(schema: z.ZodType): FieldNotes {
  // Inner layers first, so that an outer one may say it better.
  return Object.assign(
    {},
    ...layers(schema)
      .map((layer) => layer.meta() ?? {})
      .toReversed(),
  );
}

/** Whether a number must be a whole one. */
export function isWhole(schema: z.ZodType): boolean {
  const base = core(schema);
  return base instanceof z.ZodNumber && base.isInt;
}

export function takesNull(schema: z.ZodType): boolean {
  return schema.safeParse(null).success;
}

/** Whether keys that the schema does not name are let through. */
export function isOpen(schema: z.ZodObject): boolean {
  return schema.def.catchall !== undefined && !(schema.def.catchall instanceof z.ZodNever);
}

export function shapeOf(schema: z.ZodObject): Record<string, z.ZodType> {
  return schema.shape;
}

/** The keys that users may write: of a secret `x` also `x_file` and `x_command`. */
export function writableKeys(schema: z.ZodObject): string[] {
  return Object.entries(shapeOf(schema)).flatMap(([key, field]) => (isSecretField(field) ? secretKeys(key) : [key]));
}

export function secretKeys(key: string): [string, string, string] {
  return [key, `${key}_file`, `${key}_command`];
}

/** The one alternative of a union that fits what was written by its form; `undefined` when several or none do. */
export function alternative(
  schema: z.ZodType,
  written: { kind: 'map' | 'list' | 'scalar'; word: (key: string) => string | undefined },
): z.ZodType | undefined {
  const base = core(schema);
  if (!(base instanceof z.ZodUnion)) return base;
  let options = (base.options as z.ZodType[]).filter((option) => formOf(option) === written.kind);
  if (base instanceof z.ZodDiscriminatedUnion) {
    const word = written.word(base.def.discriminator);
    options = options.filter((option) => discriminates(option, base.def.discriminator, word));
  }
  const [only, ...others] = options;
  return only === undefined || others.length > 0 ? undefined : alternative(only, written);
}

function formOf(schema: z.ZodType): 'map' | 'list' | 'scalar' {
  const base = core(schema);
  if (base instanceof z.ZodObject || base instanceof z.ZodRecord) return 'map';
  return base instanceof z.ZodArray || base instanceof z.ZodTuple ? 'list' : 'scalar';
}

function discriminates(option: z.ZodType, key: string, word: string | undefined): boolean {
  const base = core(option);
  const field = base instanceof z.ZodObject ? shapeOf(base)[key] : undefined;
  return field?.safeParse(word).success ?? false;
}

/** The schema of a member of a list or map. */
export function memberSchema(schema: z.ZodType | undefined, word: string | number): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) return shapeOf(schema)[String(word)];
  if (schema instanceof z.ZodRecord) return schema.def.valueType as z.ZodType;
  if (schema instanceof z.ZodArray) return schema.def.element as z.ZodType;
  if (schema instanceof z.ZodTuple)
    return (schema.def.items[Number(word)] ?? schema.def.rest ?? undefined) as z.ZodType;
  return undefined;
}
