/** A command of the command line as data: from it come parsing, help, completion and the reference page. */

import type { Context } from '#cli/context.ts';
import type { ExitStatus } from '#cli/exit.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface OptionSpec {
  /** `--limit <n>`, as commander writes it. */
  flags: string;
  text: string;
  /** May be given several times; the values become a list. */
  many?: boolean;
}

export interface ArgumentSpec {
  /** `<id>`, `[service...]`, as commander writes it. */
  name: string;
  text: string;
  choices?: readonly string[];
}

export interface Example {
  line: string;
  text: string;
}

/** One parsed call of a command. */
export interface Call {
  /** The positional arguments, in order. */
  words: readonly string[];
  options: Readonly<Record<string, unknown>>;
}

export interface CommandSpec {
  name: string;
  /** One line for the list of commands: starts with a verb, or says what is shown. */
  summary: string;
  /** More for the command's own help. */
  details?: string;
  arguments?: readonly ArgumentSpec[];
  options?: readonly OptionSpec[];
  /** Whether it prints data, and so takes `--json`. */
  json?: boolean;
  examples: readonly Example[];
  children?: readonly CommandSpec[];
  /** The child that is meant when none is named: `runs` is `runs list`. */
  whenBare?: string;
  /** On Ctrl-C it tidies up and ends by itself; every other command is left at once. */
  endsInOrder?: boolean;
  run?: (context: Context, call: Call) => Promise<ExitStatus>;
}

export const JSON_OPTION: OptionSpec = { flags: '--json', text: 'print one JSON document on stdout' };

export function flag(call: Call, name: string): boolean {
  return call.options[name] === true;
}

export function text(call: Call, name: string): string | undefined {
  const value = call.options[name];
  return typeof value === 'string' ? value : undefined;
}

export function texts(call: Call, name: string): string[] {
  const value = call.options[name];
  return Array.isArray(value) ? value.map(String) : [];
}

/** A positional argument that the command's definition requires. */
export function word(call: Call, index: number): string {
  const value = call.words[index];
  if (value === undefined) throw usage(`argument ${index + 1} is missing`);
  return value;
}

/** @throws AutopilotError HA_USAGE when the option's value is not a whole number within the limits. */
export function wholeNumber(call: Call, name: string, limits: { min: number; max: number }): number | undefined {
  const value = text(call, name);
  if (value === undefined) return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= limits.min && number <= limits.max) return number;
  throw usage(`--${name}: "${value}" is not a whole number from ${limits.min} to ${limits.max}`);
}

/** The options object with one entry when the value is known, and none otherwise. */
export function given<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V });
}

export function usage(message: string, next?: string): AutopilotError {
  return new AutopilotError('HA_USAGE', message, next === undefined ? {} : { next });
}
