/** `x`, `x_file` or `x_command` → one reference. The value itself stays where it was written. */
import { secretKeys } from '#config/introspect.ts';
import { addError } from '#config/issues.ts';
import { absolutePath, fullPath, type Spot } from '#config/section.ts';
import type { WrittenEntry, WrittenMap, WrittenNode } from '#config/source.ts';
import { splitWords } from '#config/words.ts';
import type { SecretRef } from '#sdk/secret.ts';

type Source = SecretRef['$secret']['source'];

/** @param spot the place of the key `x`, whether or not that is the one that was written. */
export function foldSecret(key: string, map: WrittenMap, spot: Spot): SecretRef {
  const written = secretKeys(key).flatMap((variant) => {
    const entry = map.entries.get(variant);
    return entry === undefined ? [] : [{ variant, entry }];
  });
  const [first, second] = written;
  if (first === undefined) throw new Error(`no variant of ${key} was written`);
  const sibling = (variant: string): Spot => ({ ...spot, path: [...spot.path.slice(0, -1), variant] });
  if (second !== undefined) {
    const message = `give "${first.variant}" or "${second.variant}", not both`;
    addError(spot.section.report, { at: second.entry.keyAt, path: fullPath(sibling(second.variant)), message });
  }
  const source = sourceOf(first.variant.slice(key.length), first.entry, sibling(first.variant));
  return { $secret: { path: spot.name, source } };
}

function sourceOf(suffix: string, { node }: WrittenEntry, spot: Spot): Source {
  const { report, secretFiles } = spot.section;
  const path = fullPath(spot);
  const fail = (message: string): void => addError(report, { at: node.at, path, message });
  if (suffix === '_command') return { from: 'command', command: commandOf(node, fail) };

  const value = node.kind === 'scalar' ? node.value : undefined;
  if (typeof value !== 'string') fail('expected text; put it in quotes');
  else if (value === '') fail('is empty');
  const file = suffix === '_file' ? absolutePath(String(value ?? ''), node.at, spot) : undefined;
  secretFiles.push({ file, at: node.at, path });
  return file === undefined ? { from: 'configuration' } : { from: 'file', file };
}

function commandOf(node: WrittenNode, fail: (message: string) => void): string[] {
  const words = wordsOf(node);
  if (words !== undefined && words.length > 0 && words[0] !== '') return words;
  fail('expected a command: a list of words such as [pass, show, slack], or one text with its quotes closed');
  return ['false'];
}

function wordsOf(node: WrittenNode): string[] | undefined {
  if (node.kind === 'scalar') return typeof node.value === 'string' ? splitWords(node.value) : undefined;
  if (node.kind === 'map') return undefined;
  const words = node.items.flatMap((item) =>
    item.kind === 'scalar' && item.value !== null ? [String(item.value)] : [],
  );
  return words.length === node.items.length ? words : undefined;
}
