/** Finding one's way in a tree of written values. */
import type { Path, Place } from '#config/issues.ts';
import type { WrittenEntry, WrittenMap, WrittenNode } from '#config/source.ts';

/** The entry of a key; `keep-last` is found under `keep_last` where nothing else is. */
function entryOf(map: WrittenMap, key: string): WrittenEntry | undefined {
  return map.entries.get(key) ?? map.entries.get(key.replaceAll('_', '-'));
}

export function child(node: WrittenNode | undefined, word: string | number): WrittenNode | undefined {
  if (node?.kind === 'map') return entryOf(node, String(word))?.node;
  if (node?.kind === 'list' && typeof word === 'number') return node.items[word];
  return undefined;
}

/** The place of the value at a path, or of the nearest thing around it that was written. */
export function locate(root: WrittenNode, path: Path): { at: Place; found: boolean } {
  let node = root;
  for (const word of path) {
    const next = child(node, word);
    if (next === undefined) return { at: node.at, found: false };
    node = next;
  }
  return { at: node.at, found: true };
}

/** The place of the key at the end of a path. */
export function locateKey(root: WrittenNode, path: Path): Place {
  const parent = path.slice(0, -1).reduce<WrittenNode | undefined>(child, root);
  const entry = parent?.kind === 'map' ? entryOf(parent, String(path.at(-1))) : undefined;
  return entry?.keyAt ?? locate(root, path).at;
}

/** The text of a scalar, if it is one. */
export function textOf(node: WrittenNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

/**
 * The value under a dotted path that goes by names: `services.notes.password`, `destinations.usb.path`. Members of a
 * list are found by index (`paths[0]`) or by their `name`. Names may hold dots themselves, so longer ones go first.
 */
export function descend<T>(value: T, dotted: string, branches: (value: T) => [string, T][]): T | undefined {
  if (dotted === '') return value;
  const rest = dotted.startsWith('.') ? dotted.slice(1) : dotted;
  for (const [key, next] of branches(value).sort(([a], [b]) => b.length - a.length)) {
    if (!rest.startsWith(key) || !/^(?:$|[.[])/.test(rest.slice(key.length))) continue;
    const found = descend(next, rest.slice(key.length), branches);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The ways on from a written value, for `descend`. */
export function writtenBranches(node: WrittenNode): [string, WrittenNode][] {
  if (node.kind === 'scalar') return [];
  if (node.kind === 'map') return [...node.entries].map(([key, entry]) => [key, entry.node]);
  return node.items.flatMap((item, index): [string, WrittenNode][] => {
    const name = textOf(child(item, 'name'));
    return [[`[${index}]`, item], ...(name === undefined ? [] : [[name, item] as [string, WrittenNode]])];
  });
}
