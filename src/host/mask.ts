/** Keeps secrets out of what is logged, stored and shown: every known value is replaced, in all its usual spellings. */
import { AutopilotError, errorText } from '#kernel/errors.ts';

const MASK = '***';

/** Shorter values are not masked: replacing every `1` or `ab` would make messages unreadable and hide nothing. */
const SHORTEST = 4;

/** Lines of a long secret (a private key) are masked one by one too, since logs are written by line. */
const SHORTEST_LINE = 8;

export interface Masker {
  /** From now on this value is masked. */
  add(secret: string): void;
  text(text: string): string;
  /** A copy in which every string at every depth is masked. */
  value<T>(value: T): T;
  /** Any thrown thing as an error of ours, masked. Its cause is dropped: it may hold what the message must not. */
  error(error: unknown): AutopilotError;
}

/** One masker serves a whole process: a secret that one step used may show up in the output of another. */
export function createMasker(): Masker {
  const secrets = new Set<string>();
  let needles: string[] = [];

  function text(input: string): string {
    let masked = input;
    for (const needle of needles) {
      if (masked.includes(needle)) masked = masked.replaceAll(needle, MASK);
    }
    return masked;
  }

  return {
    add(secret) {
      if (secrets.has(secret)) return;
      secrets.add(secret);
      // The longest first: a spelling that contains another one must not be left with its ends showing.
      needles = [...new Set([...needles, ...spellings(secret)])].sort((a, b) => b.length - a.length);
    },
    text,
    value: (value) => maskDeep(value, text) as typeof value,
    error: (error) => maskError(error, text),
  };
}

function spellings(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE);
  const plain = [secret, secret.trim(), ...lines].filter((value) => value.length >= SHORTEST);
  return plain.flatMap((value) => [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
    new URLSearchParams({ v: value }).toString().slice(2),
    ...base64Spellings(value),
  ]);
}

/**
 * Base64 of a text that contains the value depends on where in it the value begins (`user:password` of basic
 * authentication). For each of the three alignments, the characters that only the value decides are masked.
 */
function base64Spellings(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((before) => {
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    const encoded = ['base64', 'base64url'] as const;
    return encoded.map((name) => padded.toString(name).slice(first, last)).filter((text) => text.length >= SHORTEST);
  });
}

function maskDeep(value: unknown, text: (input: string) => string): unknown {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((member) => maskDeep(member, text));
  if (value instanceof Error) return text(errorText(value));
  if (value === null || typeof value !== 'object') return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), maskDeep(member, text)]));
}

function maskError(error: unknown, text: (input: string) => string): AutopilotError {
  if (!(error instanceof AutopilotError)) return new AutopilotError('HA_INTERNAL', text(errorText(error)));
  const next = error.next === undefined ? {} : { next: text(error.next) };
  return new AutopilotError(error.code, text(error.message), next);
}
