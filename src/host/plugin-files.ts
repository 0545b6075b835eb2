/** Finds plugin files by their place: one file, one folder or one program in the folder of its kind. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '#kernel/errors.ts';
import type { PluginFolder } from '#sdk/catalog.ts';
import { pluginFolders } from '#sdk/catalog.ts';
import type { KindName } from '#sdk/contract.ts';

export interface PluginFile {
  kind: KindName;
  id: string;
  file: string;
  /** A program is run, a module is imported. */
  form: 'module' | 'program';
}

interface Entry {
  name: string;
  isDirectory: boolean;
  isExecutable: boolean;
}

export interface FoundFiles {
  files: PluginFile[];
  problems: { file: string; message: string }[];
}

const EXTENSION = /\.(ts|mts|js|mjs)$/;
const NOT_A_PLUGIN = /^[._]|\.(test|d)\.[a-z]+$|^node_modules$/;
/** By which users write programs; one without it is a program when it may be run. */
const SCRIPT = /\.(sh|bash|py|rb|pl|php|lua)$/;
const EXECUTABLE = 0o111;
const INDEX_FILE = /^index\.(ts|mts|js|mjs)$/;

/** A folder that is not there holds no plugins. One with an unknown name is told, for what is in it is not found. */
export async function findPluginFiles(root: string): Promise<FoundFiles> {
  const found: FoundFiles = { files: [], problems: [] };
  for (const entry of await entriesOf(root)) {
    if (!entry.isDirectory || NOT_A_PLUGIN.test(entry.name)) continue;
    if (isPluginFolder(entry.name)) await search(join(root, entry.name), pluginFolders[entry.name], found);
    else found.problems.push({ file: join(root, entry.name), message: unknownFolder(entry.name) });
  }
  return found;
}

async function search(folder: string, kind: KindName, found: FoundFiles): Promise<void> {
  for (const { name, isDirectory, isExecutable } of await entriesOf(folder)) {
    const file = join(folder, name);
    if (NOT_A_PLUGIN.test(name)) continue;
    if (isDirectory) await searchInside(file, { kind, id: name }, found);
    else if (EXTENSION.test(name)) found.files.push({ kind, id: name.replace(EXTENSION, ''), file, form: 'module' });
    else if (isExecutable) found.files.push({ kind, id: name.replace(/\.[a-z]+$/, ''), file, form: 'program' });
    else if (SCRIPT.test(name)) found.problems.push({ file, message: `it may not be run; run: chmod +x ${file}` });
  }
}

async function searchInside(folder: string, plugin: Pick<PluginFile, 'kind' | 'id'>, found: FoundFiles): Promise<void> {
  const index = (await entriesOf(folder)).find((entry) => INDEX_FILE.test(entry.name));
  if (index === undefined) found.problems.push({ file: folder, message: 'this folder has no index.ts' });
  else found.files.push({ ...plugin, file: join(folder, index.name), form: 'module' });
}

/** In the order of their names, so that the same files are always taken in the same order. */
async function entriesOf(folder: string): Promise<Entry[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const entries = await Promise.all(
    names.toSorted(byName).map(async (name) => {
      // Through links: many keep their plugins in a repository of their own.
      const stats = await stat(join(folder, name)).catch(() => undefined);
      if (stats === undefined) return [];
      return [
        { name, isDirectory: stats.isDirectory(), isExecutable: stats.isFile() && (stats.mode & EXECUTABLE) !== 0 },
      ];
    }),
  );
  return entries.flat();
}

function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function isPluginFolder(name: string): name is PluginFolder {
  return name in pluginFolders;
}

function unknownFolder(name: string): string {
  return `no kind of plugin has the folder "${name}"; there are ${Object.keys(pluginFolders).join(', ')}`;
}
