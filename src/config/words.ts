/** Splits a command into words as a shell does, without being one. */

/**
 * Blanks part words; quotes and backslashes keep them together. Nothing is expanded: `$`, `*`, `|` and `;` are letters.
 * @returns `undefined` when a quote is not closed or a backslash ends the text.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; ) {
    const char = text.charAt(i);
    if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      i++;
      continue;
    }
    const piece = nextPiece(text, i);
    if (piece === undefined) return undefined;
    word = (word ?? '') + piece.text;
    i = piece.end;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** One quoted stretch, one escaped character, or one plain character. */
function nextPiece(text: string, at: number): { text: string; end: number } | undefined {
  const char = text.charAt(at);
  if (char === "'") {
    const close = text.indexOf("'", at + 1);
    return close === -1 ? undefined : { text: text.slice(at + 1, close), end: close + 1 };
  }
  if (char === '"') return doubleQuoted(text, at + 1);
  if (char !== '\\') return { text: char, end: at + 1 };
  return at + 1 < text.length ? { text: text.charAt(at + 1), end: at + 2 } : undefined;
}

/** Between double quotes a backslash escapes only `"`, `\`, `$` and a backtick, as in a shell. */
function doubleQuoted(text: string, from: number): { text: string; end: number } | undefined {
  let inner = '';
  for (let i = from; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '"') return { text: inner, end: i + 1 };
    const escapes = char === '\\' && '"\\$`'.includes(text.charAt(i + 1) || ' ');
    if (escapes) i++;
    inner += text.charAt(i);
  }
  return undefined;
}
