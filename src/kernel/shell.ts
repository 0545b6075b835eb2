/** Words for a shell that somebody else starts: one behind SSH, or the one that a person types into. */

/** A word that no shell acts on. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
