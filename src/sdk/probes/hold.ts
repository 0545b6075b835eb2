/** Whether a condition holds for what a server answered. */

import { formatDuration } from '#kernel/duration.ts';
import { jsonIn } from '#kernel/json.ts';
import type { Comparison, Condition, Subject, Wanted } from '#sdk/probes/condition.ts';

/** What conditions can be asked of. */
export interface Heard {
  connected: boolean;
  status: number | undefined;
  responseTimeMs: number | undefined;
  body: string;
  /** The body was longer than what is read of one. */
  cut: boolean;
  ip: string | undefined;
  certificateExpiresInMs: number | undefined;
}

/** @returns null when it holds, and otherwise what was found instead. */
export function whyNot({ subject, comparison, wanted, text }: Condition, heard: Heard): string | null {
  const found = valueOf(subject, heard);
  const holds = found === undefined ? isLikeNothing(subject, comparison) : compares(found, comparison, wanted);
  if (holds) return null;
  return `${text} does not hold: ${nameOf(subject)} is ${shown(subject, found, heard)}`;
}

type Value = string | number | boolean | undefined;

function valueOf({ placeholder, path, of }: Subject, heard: Heard): Value {
  switch (placeholder) {
    case 'STATUS':
      return heard.status;
    case 'RESPONSE_TIME':
      return heard.responseTimeMs;
    case 'CERTIFICATE_EXPIRATION':
      return heard.certificateExpiresInMs;
    case 'CONNECTED':
      return heard.connected;
    case 'IP':
      return heard.ip;
    case 'BODY':
      return bodyValue(path, of, heard);
  }
}

function bodyValue(path: Subject['path'], of: Subject['of'], heard: Heard): Value {
  const member = path.length === 0 ? heard.body : memberOf(heard.body, path);
  if (of === 'presence') return member !== undefined && member !== '';
  if (of === 'length') {
    if (typeof member === 'string' || Array.isArray(member)) return member.length;
    return typeof member === 'object' && member !== null ? Object.keys(member).length : undefined;
  }
  if (member === undefined || typeof member === 'string' || typeof member === 'number') return member;
  return typeof member === 'boolean' ? member : JSON.stringify(member);
}

function memberOf(body: string, path: Subject['path']): unknown {
  let value: unknown = jsonIn(body);
  for (const step of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

/** A member that is not there is another than any that is written. What nobody knows is nothing at all. */
function isLikeNothing({ placeholder }: Subject, comparison: Comparison): boolean {
  return placeholder === 'BODY' && comparison === '!=';
}

function compares(found: Exclude<Value, undefined>, comparison: Comparison, wanted: Wanted): boolean {
  if (comparison === '==') return equals(found, wanted);
  if (comparison === '!=') return !equals(found, wanted);
  const number = numberOf(found);
  if (wanted.is !== 'number' || number === undefined) return false;
  if (comparison === '<') return number < wanted.number;
  if (comparison === '<=') return number <= wanted.number;
  return comparison === '>' ? number > wanted.number : number >= wanted.number;
}

function equals(found: Exclude<Value, undefined>, wanted: Wanted): boolean {
  switch (wanted.is) {
    case 'any':
      return wanted.of.some((one) => equals(found, one));
    case 'pattern':
      return wanted.matches(String(found));
    case 'number':
      return numberOf(found) === wanted.number;
    case 'text':
      return String(found) === wanted.text;
  }
}

function numberOf(value: string | number | boolean): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\s*-?\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}

function nameOf({ placeholder, path, of }: Subject): string {
  const members = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  const name = `[${placeholder}]${members}`;
  if (of === 'value') return name;
  return of === 'length' ? `len(${name})` : `has(${name})`;
}

const SHOWN_CHARACTERS = 80;

function shown({ placeholder, path }: Subject, found: Value, heard: Heard): string {
  if (found === undefined) return absent(placeholder, path, heard);
  if (placeholder === 'RESPONSE_TIME') return `${String(found)} ms`;
  if (placeholder === 'CERTIFICATE_EXPIRATION') return remaining(Number(found));
  if (typeof found !== 'string' || placeholder === 'IP') return String(found);
  return JSON.stringify(found.length > SHOWN_CHARACTERS ? `${found.slice(0, SHOWN_CHARACTERS)}…` : found);
}

function absent(placeholder: Subject['placeholder'], path: Subject['path'], heard: Heard): string {
  if (placeholder === 'CERTIFICATE_EXPIRATION') return 'not known: there is no certificate';
  if (placeholder !== 'BODY' || path.length === 0) return 'not known';
  if (heard.cut) return 'not known: the answer is too long to be read as JSON';
  return jsonIn(heard.body) === undefined ? 'not there: the answer is no JSON' : 'not there';
}

/** Whole minutes: nobody needs a certificate's end more exactly. */
function remaining(ms: number): string {
  const minutes = Math.trunc(ms / 60_000);
  return minutes < 0 ? `over, since ${formatDuration(-minutes * 60_000)}` : formatDuration(minutes * 60_000);
}
