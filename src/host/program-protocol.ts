/** How we talk with a plugin that is a program: JSON on its standard input, JSON on its standard output. */
import { z } from 'zod';
import { AutopilotError, type ErrorCode, errorCodes } from '#kernel/errors.ts';
import { type Json, type JsonObject, jsonIn } from '#kernel/json.ts';

/** Raised when a program written for the older one could misunderstand us. */
export const PROTOCOL = 1;

/** The request that each program must understand besides the actions of its kind. */
export const DESCRIBE = 'describe';

const ConfigKey = z.looseObject({
  secret: z
    .boolean()
    .optional()
    .describe('The user may write KEY, KEY_file or KEY_command; the program gets the value'),
});

const Keys = z.strictObject({
  properties: z.record(z.string(), ConfigKey).default({}).describe('A JSON Schema for each key'),
  required: z.array(z.string()).default([]),
});
export type Keys = z.output<typeof Keys>;

/** What a program answers to `describe`. */
export const Description = z.strictObject({
  protocol: z.literal(PROTOCOL, `is not ${PROTOCOL}, the protocol that this version speaks`),
  title: z.string().min(1),
  config: Keys.prefault({}),
  backup: Keys.optional(),
  update: Keys.optional(),
  whole_rollback: z.literal(true).optional(),
  actions: z.array(z.string()).min(1),
});
export type Description = z.output<typeof Description>;

const Refused = z.strictObject({
  error: z.strictObject({
    code: z.string().optional(),
    message: z.string().min(1),
    next: z.string().optional(),
  }),
});

/**
 * The one JSON object that the program printed.
 * @throws HA_BAD_OUTPUT when it is none, and the error that the program tells of instead of an answer.
 */
export function answerIn(stdout: string, { file, action }: { file: string; action: string }): JsonObject {
  const value = jsonIn(stdout);
  if (!isObject(value)) {
    throw new AutopilotError('HA_BAD_OUTPUT', `${file} answered ${action} with ${excerpt(stdout)}`, {
      next: 'it must print one JSON object of at most 1 MiB, and everything else to standard error',
    });
  }
  if ('error' in value) throw errorIn(value, { file, action });
  return value;
}

function errorIn(value: JsonObject, { file, action }: { file: string; action: string }): AutopilotError {
  const told = Refused.safeParse(value);
  if (!told.success)
    return new AutopilotError('HA_BAD_OUTPUT', `${file} answered ${action} with an error without a message`);
  const { code, message, next } = told.data.error;
  return new AutopilotError(knownCode(code), message, next === undefined ? {} : { next });
}

/** A code that we do not know says only that it failed; such a step is tried again. */
function knownCode(code: string | undefined): ErrorCode {
  return Object.keys(errorCodes).find((known): known is ErrorCode => known === code) ?? 'HA_COMMAND_FAILED';
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function excerpt(text: string): string {
  const line = text.trim();
  if (line === '') return 'nothing';
  return `something else than one JSON object: ${line.length > 80 ? `${line.slice(0, 80)}…` : line}`;
}
