/** What a schema found wrong, in words for the person who wrote the file. */
import type { z } from 'zod';
import { alternative, isSecretField, isWhole, memberSchema, notesOf, secretKeys } from '#config/introspect.ts';
import { nearest } from '#kernel/nearest.ts';

type Issue = z.core.$ZodIssue;

export interface Explanation {
  path: (string | number)[];
  message: string;
  suggestion?: string | undefined;
  /** The key itself is wrong, not its value. */
  ofKey?: boolean;
}

const FORMS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
  null: 'nothing',
};

/** What the issue is about: the whole of what was checked. */
export interface Subject {
  schema: z.ZodType;
  value: unknown;
  /** Whether values may be quoted; not when they came from the environment. */
  shown: boolean;
}

export function explain(issue: Issue, subject: Subject): Explanation[] {
  const path = issue.path.map((word) => (typeof word === 'number' ? word : String(word)));
  const value = valueAt(subject.value, path);
  const key = path.at(-1);
  if (value === undefined && isAbsence(issue) && typeof key === 'string') {
    return [{ path, message: missing(key, schemaAt(subject, path)) }];
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((unknown) => ({ path: [...path, unknown], message: `unknown key "${unknown}"` }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return explainUnion(issue, { whole: subject, path, value });
  }
  if (issue.code === 'invalid_key') {
    return [{ path, message: issue.issues[0]?.message ?? 'not a valid key', ofKey: true }];
  }
  return [{ path, ...explainValue(issue, { value, schema: schemaAt(subject, path), shown: subject.shown }) }];
}

function isAbsence(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union';
}

function missing(key: string, schema: z.ZodType | undefined): string {
  if (schema === undefined || !isSecretField(schema)) return `missing key "${key}"`;
  return `missing key ${secretKeys(key)
    .map((variant) => `"${variant}"`)
    .join(', or ')}`;
}

/** The branch that got furthest is the one that was meant; when none got anywhere, all are named. */
function explainUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  subject: { whole: Subject; value: unknown; path: (string | number)[] },
): Explanation[] {
  const meant = issue.errors.find((branch) => branch.some((inner) => inner.path.length > 0 || !isAbsence(inner)));
  const schema = schemaAt(subject.whole, subject.path);
  const expects = schema === undefined ? undefined : notesOf(schema).expects;
  const inside = meant?.some((inner) => inner.path.length > 0) ?? false;
  if (meant !== undefined && (expects === undefined || inside)) {
    return meant.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, subject.whole));
  }
  const forms = issue.errors.flatMap((branch) => branch.map(expectation));
  return [
    {
      path: subject.path,
      message: `expected ${expects ?? oneOf(forms)}, got ${got({ value: subject.value, shown: subject.whole.shown })}`,
    },
  ];
}

function expectation(issue: Issue): string {
  if (issue.code === 'invalid_type') return FORMS[issue.expected] ?? issue.expected;
  return issue.code === 'invalid_value' ? oneOf(issue.values.map(spelled)) : 'something else';
}

function explainValue(
  issue: Issue,
  subject: { value: unknown; schema: z.ZodType | undefined; shown: boolean },
): { message: string; suggestion?: string | undefined } {
  const expects = subject.schema === undefined ? undefined : notesOf(subject.schema).expects;
  if (issue.code === 'invalid_type') {
    const wantsText = issue.expected === 'string' || typeof subject.value === 'string';
    const hint = wantsText && expects === undefined ? quotingHint(subject.schema, subject.value) : '';
    const whole = subject.schema !== undefined && isWhole(subject.schema);
    const form = expects ?? FORMS[whole ? 'int' : issue.expected] ?? issue.expected;
    return { message: `expected ${form}, got ${got(subject)}${hint}` };
  }
  const words = knownWords(issue);
  if (words !== undefined) {
    const suggestion = typeof subject.value === 'string' ? nearest(subject.value, words.map(String)) : undefined;
    return { message: `expected ${oneOf(words.map(spelled))}, got ${got(subject)}`, suggestion };
  }
  if (issue.code === 'too_small' && issue.minimum === 1 && issue.origin === 'string') return { message: 'is empty' };
  if (issue.code === 'too_small' || issue.code === 'too_big') return { message: limitText(issue) };
  return { message: plainMessage(issue.message) };
}

function spelled(word: unknown): string {
  return typeof word === 'string' ? `"${word}"` : String(word);
}

function knownWords(issue: Issue): unknown[] | undefined {
  if (issue.code === 'invalid_value') return issue.values;
  // Not in the library's types, but there when a discriminator has an unknown value.
  const options = 'options' in issue ? issue.options : undefined;
  if (issue.code === 'invalid_union' && Array.isArray(options)) return options;
  return undefined;
}

function limitText(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const small = issue.code === 'too_small';
  const limit = small ? issue.minimum : issue.maximum;
  const bound = `${small ? 'at least' : 'at most'} ${limit}`;
  if (issue.origin === 'array') return `must have ${bound} ${Number(limit) === 1 ? 'entry' : 'entries'}`;
  return issue.origin === 'string' ? `must have ${bound} characters` : `must be ${bound}`;
}

/** Quotes too few or too many, when that is all that is wrong; otherwise what else is. */
function quotingHint(schema: z.ZodType | undefined, value: unknown): string {
  if (schema === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') {
    const quoted = schema.safeParse(String(value));
    return `; ${quoted.success ? 'put it in quotes' : plainMessage(quoted.error.issues[0]?.message ?? '')}`;
  }
  const numeric = typeof value === 'string' && /^-?\d+$/.test(value) && schema.safeParse(Number(value)).success;
  return numeric ? '; write it without quotes' : '';
}

function got({ value, shown }: { value: unknown; shown: boolean }): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of keys';
  if (typeof value !== 'string') return JSON.stringify(value);
  if (!shown) return 'the text of a variable';
  return `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
}

function oneOf(words: string[]): string {
  const unique = [...new Set(words)];
  const last = unique.pop() ?? '';
  return unique.length === 0 ? last : `${unique.join(', ')} or ${last}`;
}

function plainMessage(message: string): string {
  const text = message.replace(/^Invalid (?:string|input): /, '');
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const word of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<string | number, unknown>)[word];
  }
  return value;
}

function schemaAt(
  { schema, value }: { schema: z.ZodType; value: unknown },
  path: readonly (string | number)[],
): z.ZodType | undefined {
  let at: z.ZodType | undefined = schema;
  for (const [depth, word] of path.entries()) {
    if (at === undefined) return undefined;
    const here = valueAt(value, path.slice(0, depth));
    const discriminator = (key: string): string | undefined => {
      const member = valueAt(here, [key]);
      return typeof member === 'string' ? member : undefined;
    };
    at = memberSchema(alternative(at, { kind: typeof word === 'number' ? 'list' : 'map', word: discriminator }), word);
  }
  return at;
}
