/** YAML text → a tree of values that know where they were written. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { addError, addWarning, type Path, type Place, type Report } from '#config/issues.ts';
import { type Environment, expandVariables } from '#config/variables.ts';
import { errorText } from '#kernel/errors.ts';

export type ScalarValue = null | boolean | number | string;

export type WrittenNode = WrittenMap | WrittenList | WrittenScalar;

export interface WrittenMap {
  kind: 'map';
  at: Place;
  entries: Map<string, WrittenEntry>;
}

export interface WrittenEntry {
  keyAt: Place;
  node: WrittenNode;
}

export interface WrittenList {
  kind: 'list';
  at: Place;
  items: WrittenNode[];
}

export interface WrittenScalar {
  kind: 'scalar';
  at: Place;
  value: ScalarValue;
  /** The text had a `${…}` in it: it may be meant as a number, and it may be a secret. */
  expanded: boolean;
}

/** Aliases multiply what a small file says; far more than any homelab needs ends here. */
const MAX_ALIASED = 20_000;

interface Reader {
  file: string;
  document: Document;
  lines: LineCounter;
  env: Environment;
  report: Report;
  /** The anchors that are being followed now: one that contains itself would never end. */
  following: Set<Node>;
  /** How many values came through aliases. */
  aliased: number;
}

/** @returns the tree, or `undefined` when the file is empty or not YAML (which is reported). */
export function readYaml(
  file: string,
  text: string,
  { env, report }: { env: Environment; report: Report },
): WrittenNode | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const reader: Reader = { file, document, lines, env, report, following: new Set(), aliased: 0 };
  for (const problem of document.errors) {
    addError(report, { at: place(reader, problem.pos[0]), path: [], message: syntaxMessage(problem.message) });
  }
  for (const problem of document.warnings) {
    addWarning(report, { at: place(reader, problem.pos[0]), path: [], message: syntaxMessage(problem.message) });
  }
  if (document.errors.length > 0 || document.contents === null) return undefined;
  try {
    return convert(reader, document.contents, isSeq(document.contents) ? ['services'] : []);
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    addError(report, { at: { file, line: 1, column: 1 }, path: [], message: 'the aliases in it multiply to too much' });
    return undefined;
  }
}

class TooMuch extends Error {}

/** The library ends some messages with the text it stumbled over, which may be half a password. */
function syntaxMessage(message: string): string {
  return `not valid YAML: ${message.replace(/: ".*$/s, '')}`;
}

function convert(reader: Reader, node: Node | null, path: Path): WrittenNode {
  const at = place(reader, node?.range?.[0] ?? 0);
  if (reader.following.size > 0 && ++reader.aliased > MAX_ALIASED) throw new TooMuch();
  if (node === null) return { kind: 'scalar', at, value: null, expanded: false };
  if (isAlias(node)) return followAlias(reader, node, path);
  if (isMap(node)) return convertMap(reader, node as YAMLMap<Node, Node | null>, path);
  if (isSeq(node)) {
    const items = node.items.map((item, index) => convert(reader, item as Node | null, [...path, index]));
    return { kind: 'list', at, items };
  }
  return convertScalar(reader, { at, value: isScalar(node) ? node.value : null }, path);
}

function followAlias(reader: Reader, alias: Alias, path: Path): WrittenNode {
  const at = place(reader, alias.range?.[0] ?? 0);
  const target = alias.resolve(reader.document);
  const looped = target !== undefined && reader.following.has(target);
  if (target === undefined || looped) {
    const message = looped ? 'contains itself' : `has no anchor &${alias.source} above it`;
    addError(reader.report, { at, path, message: `the alias *${alias.source} ${message}` });
    return { kind: 'scalar', at, value: null, expanded: false };
  }
  reader.following.add(target);
  const tree = convert(reader, target, path);
  reader.following.delete(target);
  return { ...tree, at };
}

function convertMap(reader: Reader, map: YAMLMap<Node, Node | null>, path: Path): WrittenMap {
  const entries = new Map<string, WrittenEntry>();
  const merged: WrittenNode[] = [];
  for (const pair of map.items) {
    const keyAt = place(reader, pair.key.range?.[0] ?? 0);
    const key = keyText(pair);
    const spot = [...path, key ?? ''];
    if (key === undefined) {
      addError(reader.report, { at: keyAt, path, message: 'a key must be a plain word' });
    } else if (key === '<<') {
      merged.push(convert(reader, pair.value, path));
    } else {
      const first = entries.get(key);
      const node = convert(reader, pair.value, spot);
      if (first === undefined) entries.set(key, { keyAt, node });
      else addError(reader.report, { at: keyAt, path: spot, message: twice(key, first.keyAt) });
    }
  }
  for (const node of merged) mergeInto(entries, node);
  return { kind: 'map', at: place(reader, map.range?.[0] ?? 0), entries };
}

function twice(key: string, first: Place): string {
  return `the key "${key}" is written twice; the first is in line ${first.line}`;
}

/** `<<: *defaults`, as compose files use it: what is written here wins. */
function mergeInto(entries: Map<string, WrittenEntry>, source: WrittenNode): void {
  if (source.kind === 'list') for (const item of source.items) mergeInto(entries, item);
  if (source.kind !== 'map') return;
  for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
}

function keyText(pair: Pair<Node, Node | null>): string | undefined {
  if (!isScalar(pair.key)) return undefined;
  const { value } = pair.key;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

function convertScalar(reader: Reader, scalar: { at: Place; value: unknown }, path: Path): WrittenScalar {
  const { at, value } = scalar;
  if (value === null || typeof value === 'boolean' || typeof value === 'number') {
    return { kind: 'scalar', at, value, expanded: false };
  }
  // Other types come only from tags that no key here takes.
  const text = typeof value === 'string' ? value : '';
  try {
    return { kind: 'scalar', at, value: expandVariables(text, reader.env), expanded: text.includes('${') };
  } catch (error) {
    addError(reader.report, { at, path, message: errorText(error) });
    return { kind: 'scalar', at, value: '', expanded: true };
  }
}

function place(reader: Reader, offset: number): Place {
  const { line, col } = reader.lines.linePos(offset);
  return { file: reader.file, line: Math.max(line, 1), column: Math.max(col, 1) };
}
