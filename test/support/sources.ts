/** Reads our source files as the compiler does: what they import, and which texts they hold. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import manifest from '../../package.json' with { type: 'json' };

export const root = join(import.meta.dirname, '../..');

export interface Source {
  /** Relative to the root of the repository. */
  path: string;
  text: string;
}

/** What lies beside our files in a clone and is not of the repository. */
const FOREIGN = new Set(['.git', 'node_modules', 'coverage', 'secrets']);

/** All TypeScript files below the named folders. A folder that does not exist has none. */
export function sourcesIn(folders: readonly string[]): Source[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap(filesBelow)
    .filter((path) => path.endsWith('.ts'))
    .map(read);
}

/** Every file of the repository. */
export function allFiles(): Source[] {
  const top = readdirSync(root, { withFileTypes: true }).filter(({ name }) => !FOREIGN.has(name));
  return top.flatMap((entry) => (entry.isDirectory() ? filesBelow(entry.name) : [entry.name])).map(read);
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function read(path: string): Source {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}

/** What a file imports, static and dynamic, type or value: a path of ours, `node:…`, or the name of a package. */
export function importsOf({ path, text }: Source): string[] {
  const { module } = parseSync(path, text);
  const specifiers = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap((statement) => statement.entries.map((entry) => entry.moduleRequest?.value)),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => literal(text.slice(start, end))),
  ];
  const written = specifiers.filter((specifier) => specifier !== undefined);
  return [...new Set(written.map((specifier) => resolveImport(specifier, path)))];
}

/** The strings and templates of a file, without their quotes. */
export function textsOf({ path, text }: Source): string[] {
  const texts: string[] = [];
  const visitor = new Visitor({
    Literal: (node) => {
      if (typeof node.value === 'string') texts.push(node.value);
    },
    TemplateElement: (node) => {
      texts.push(node.value.raw);
    },
  });
  visitor.visit(parseSync(path, text).program);
  return texts;
}

/** An import whose path is computed is discovery by folder, which the loader checks at run time. */
function literal(expression: string): string | undefined {
  return /^(['"])(.*)\1$/.exec(expression)?.[2];
}

function resolveImport(specifier: string, importer: string): string {
  if (specifier.startsWith('.')) return join(dirname(importer), specifier);
  if (specifier.startsWith('#')) return resolveAlias(specifier);
  if (specifier.startsWith('node:')) return specifier;
  const [scope = specifier, name] = specifier.split('/');
  return scope.startsWith('@') && name !== undefined ? `${scope}/${name}` : scope;
}

function resolveAlias(specifier: string): string {
  for (const [alias, target] of Object.entries(manifest.imports)) {
    const stem = alias.slice(0, -1);
    if (specifier.startsWith(stem)) return join(target.slice(0, -1), specifier.slice(stem.length));
  }
  return specifier;
}
