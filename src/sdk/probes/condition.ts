/** Conditions of an http probe, as they are written: `[STATUS] == 200`, `len([BODY].items) > 0`. */
import { z } from 'zod';
import { parseDuration } from '#kernel/duration.ts';
import { compileExpression, expressionProblem } from '#sdk/expression.ts';

export const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof COMPARISONS)[number];

export const PLACEHOLDERS = ['STATUS', 'RESPONSE_TIME', 'BODY', 'CONNECTED', 'IP', 'CERTIFICATE_EXPIRATION'] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

/** What is compared: something of the answer. */
export interface Subject {
  placeholder: Placeholder;
  /** Members of the JSON in the body: `[BODY].users[0].id`. */
  path: readonly (string | number)[];
  of: 'value' | 'length' | 'presence';
}

/** What it is compared with. */
export type Wanted =
  | { is: 'text'; text: string }
  | { is: 'number'; number: number }
  | { is: 'pattern'; matches(text: string): boolean }
  | { is: 'any'; of: readonly Wanted[] };

export interface Condition {
  text: string;
  subject: Subject;
  comparison: Comparison;
  wanted: Wanted;
}

/** What is wrong, and at which character, counted from 1. */
export class ConditionError extends Error {
  readonly character: number;

  constructor(message: string, offset: number) {
    super(message);
    this.character = offset + 1;
  }
}

/** A condition in a configuration. It stays the text that the user wrote. */
export const ConditionText = z
  .string()
  .min(1)
  .max(1000)
  .superRefine((text, context) => {
    try {
      parseCondition(text);
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      const { message, character } = error;
      context.addIssue({ code: 'custom', message: `${message}, at character ${character}`, params: { character } });
    }
  });

const COMPARISON = /\s(==|!=|<=|>=|<|>)(?=\s)/g;

/** @throws ConditionError */
export function parseCondition(text: string): Condition {
  const found = [...text.matchAll(COMPARISON)].find(({ index }) => depthAt(text, index) === 0);
  if (found === undefined) {
    const message = `needs a comparison with a space on both sides: ${COMPARISONS.join(' ')}`;
    throw new ConditionError(message, text.trimEnd().length);
  }
  const left = trimmed(text.slice(0, found.index), 0);
  const comparison = COMPARISONS.find((one) => one === found[1]) ?? '==';
  const right = trimmed(text.slice(found.index + found[0].length), found.index + found[0].length);
  const subject = subjectOf(left);
  const wanted = wantedOf(right, subject);
  agree({ subject, comparison, wanted }, { comparison: found.index + 1, wanted: right.offset });
  return { text, subject, comparison, wanted };
}

/** A part of the text, and where in the text it begins. */
interface Piece {
  text: string;
  offset: number;
}

function trimmed(text: string, offset: number): Piece {
  const start = text.length - text.trimStart().length;
  return { text: text.trim(), offset: offset + start };
}

function depthAt(text: string, end: number): number {
  let depth = 0;
  for (const sign of text.slice(0, end)) depth += sign === '(' ? 1 : sign === ')' ? -1 : 0;
  return depth;
}

function subjectOf(piece: Piece): Subject {
  const call = callOf(piece);
  if (call === undefined) return { ...placeholderOf(piece), of: 'value' };
  if (call.name === 'len') return { ...placeholderOf(call.inside), of: 'length' };
  if (call.name === 'has') return { ...placeholderOf(call.inside), of: 'presence' };
  throw new ConditionError(
    `before the comparison, "${call.name}" is no function; there are len() and has()`,
    piece.offset,
  );
}

/** `name(…)`, over the whole of the text. */
function callOf({ text, offset }: Piece): { name: string; inside: Piece } | undefined {
  const head = /^([a-z]+)\(/.exec(text);
  if (head === null) return undefined;
  const [whole, name = ''] = head;
  if (!text.endsWith(')')) throw new ConditionError(`"${name}(" is not closed`, offset + text.length);
  return { name, inside: trimmed(text.slice(whole.length, -1), offset + whole.length) };
}

function placeholderOf({ text, offset }: Piece): Omit<Subject, 'of'> {
  const head = /^\[([^\]]*)\]/.exec(text);
  const known = `it is one of ${PLACEHOLDERS.map((one) => `[${one}]`).join(' ')}`;
  if (head === null) {
    throw new ConditionError(`expected what of the answer is looked at; ${known}`, offset);
  }
  const placeholder = PLACEHOLDERS.find((one) => one === head[1]);
  if (placeholder === undefined) throw new ConditionError(`${head[0]} is not known; ${known}`, offset);
  const rest = { text: text.slice(head[0].length), offset: offset + head[0].length };
  if (placeholder !== 'BODY' && rest.text !== '') {
    throw new ConditionError(`[${placeholder}] has no members`, rest.offset);
  }
  return { placeholder, path: pathOf(rest) };
}

const STEP = /\.([^.[\]]+)|\[(\d{1,9})\]/y;

function pathOf({ text, offset }: Piece): (string | number)[] {
  const path: (string | number)[] = [];
  STEP.lastIndex = 0;
  for (let at = 0; at < text.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const step = STEP.exec(text);
    if (step === null) throw new ConditionError('expected a member such as .name or [0]', offset + at);
    path.push(step[1] ?? Number(step[2]));
  }
  return path;
}

function wantedOf(piece: Piece, subject: Subject): Wanted {
  const call = callOf(piece);
  if (call?.name === 'pat') return { is: 'pattern', matches: globOf(unquoted(call.inside.text)) };
  if (call?.name === 'regex') return { is: 'pattern', matches: expressionOf(call.inside) };
  if (call?.name === 'any') return { is: 'any', of: parts(call.inside).map((part) => wantedOf(part, subject)) };
  if (call !== undefined && ['len', 'has'].includes(call.name)) {
    throw new ConditionError(`"${call.name}(…)" stands before the comparison`, piece.offset);
  }
  if (piece.text === '') throw new ConditionError('nothing stands after the comparison', piece.offset);
  return literalOf(piece, subject);
}

/** The members of `any(…)`. A comma within the parentheses of another function is part of that one. */
function parts({ text, offset }: Piece): Piece[] {
  const ends = [...text.matchAll(/,/g)].map(({ index }) => index).filter((index) => depthAt(text, index) === 0);
  const starts = [0, ...ends.map((end) => end + 1)];
  return starts.map((start, index) => trimmed(text.slice(start, ends[index] ?? text.length), offset + start));
}

const NUMBER = /^-?\d+(?:\.\d+)?$/;

function literalOf({ text, offset }: Piece, { placeholder, of }: Subject): Wanted {
  if (of === 'presence' || placeholder === 'CONNECTED') {
    if (text === 'true' || text === 'false') return { is: 'text', text };
    throw new ConditionError('this is compared with true or false', offset);
  }
  const number = NUMBER.test(text) ? Number(text) : undefined;
  if (of === 'length' || placeholder === 'STATUS') {
    if (number !== undefined) return { is: 'number', number };
    throw new ConditionError('this is compared with a number', offset);
  }
  if (placeholder === 'RESPONSE_TIME' || placeholder === 'CERTIFICATE_EXPIRATION') {
    const milliseconds = placeholder === 'RESPONSE_TIME' && number !== undefined ? number : parseDuration(text);
    if (milliseconds !== undefined) return { is: 'number', number: milliseconds };
    const example =
      placeholder === 'RESPONSE_TIME' ? 'milliseconds, or a duration such as 2s' : 'a duration such as 48h';
    throw new ConditionError(`this is compared with ${example}`, offset);
  }
  return number === undefined ? { is: 'text', text: unquoted(text) } : { is: 'number', number };
}

function unquoted(text: string): string {
  const [first, last] = [text.at(0), text.at(-1)];
  const quoted = text.length > 1 && first === last && (first === '"' || first === "'");
  return quoted ? text.slice(1, -1) : text;
}

function agree(
  { subject, comparison, wanted }: Omit<Condition, 'text'>,
  at: { comparison: number; wanted: number },
): void {
  if (comparison === '==' || comparison === '!=') return;
  if (wanted.is === 'number' && subject.of !== 'presence') return;
  if (wanted.is === 'pattern' || wanted.is === 'any' || subject.of === 'presence' || subject.placeholder !== 'BODY') {
    throw new ConditionError('here only == and != have a meaning', at.comparison);
  }
  throw new ConditionError(`"${comparison}" needs a number after it`, at.wanted);
}

/** `*` stands for any text. Each piece is looked for once, so the time is linear. */
function globOf(glob: string): (text: string) => boolean {
  const [first = '', ...rest] = glob.split('*');
  const last = rest.pop();
  return (text) => {
    if (last === undefined) return text === first;
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const piece of rest) {
      const found = text.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

function expressionOf({ text, offset }: Piece): (text: string) => boolean {
  const problem = expressionProblem(unquoted(text));
  if (problem !== null) throw new ConditionError(`is no regular expression: ${problem}`, offset);
  return compileExpression(unquoted(text));
}
