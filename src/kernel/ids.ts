/** Ids that people type: short, lower case, unique, and stable where they must be. */
import { createHash, randomBytes } from 'node:crypto';

const LETTERS = 'bcdfghjkmnpqrstvwxyz';
const ALPHABET = `${LETTERS}0123456789`;

/** Length of a full id. Twelve characters of a 30-letter alphabet: about 58 bits. */
const ID_LENGTH = 12;

/** How much of an id is shown; any unique prefix of an id is accepted. */
export const SHORT_ID_LENGTH = 4;

export const ID_PATTERN = /^[bcdfghjkmnpqrstvwxyz][bcdfghjkmnpqrstvwxyz0-9]{11}$/;

/** A new random id. It starts with a letter, because a queue refuses ids that look like numbers. */
export function newId(): string {
  return spell(randomBytes(ID_LENGTH));
}

/** The same words always give the same id: a doubled tick or a repeated request names the same run. */
export function derivedId(...words: string[]): string {
  return spell(createHash('sha256').update(words.join('\0')).digest());
}

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

function spell(bytes: Uint8Array): string {
  let id = '';
  for (let i = 0; i < ID_LENGTH; i++) {
    const letters = i === 0 ? LETTERS : ALPHABET;
    id += letters[(bytes[i] ?? 0) % letters.length];
  }
  return id;
}
