/** Amounts of data as people write them: `500M`, `10G`, `1.5T`. */

const EXPONENTS: Record<string, number> = { '': 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/**
 * A number, a letter, and how to count: `10G` and `10GiB` are powers of 1024, `10GB` is powers of 1000. That is what
 * `du`, `dd` and `truncate` take, so a size copied from a command line means the same here.
 */
const SIZE_PATTERN = /^(\d+(?:\.\d+)?) ?([KMGTP]?)(iB|B)?$/i;

/** @returns bytes, or `undefined` when the text is not a size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text.trim());
  if (match === null) return undefined;
  const letter = (match[2] ?? '').toUpperCase();
  const suffix = (match[3] ?? '').toLowerCase();
  if (letter === '' && suffix === 'ib') return undefined;
  const base = suffix === 'b' ? 1000 : 1024;
  const bytes = Math.round(Number(match[1]) * base ** (EXPONENTS[letter] ?? 0));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
