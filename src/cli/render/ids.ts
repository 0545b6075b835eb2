/** How much of an id is shown: four letters, or more where four do not tell two apart. */
import { SHORT_ID_LENGTH } from '#kernel/ids.ts';

/** @returns for each id its shortest prefix that no other id of the list shares. */
export function shortIds(ids: Iterable<string>): (id: string) => string {
  const sorted = [...new Set(ids)].sort();
  const lengths = new Map<string, number>();
  for (const [i, id] of sorted.entries()) {
    const shared = Math.max(sharedPrefix(id, sorted[i - 1] ?? ''), sharedPrefix(id, sorted[i + 1] ?? ''));
    lengths.set(id, Math.max(SHORT_ID_LENGTH, shared + 1));
  }
  return (id) => id.slice(0, lengths.get(id) ?? SHORT_ID_LENGTH);
}

function sharedPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
