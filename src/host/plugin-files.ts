/** Finds plugin files by their place: one file or one folder in the folder of its kind. */
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
}

export interface FoundFiles {
  files: PluginFile[];
  problems: { file: string; message: string }[];
}

const EXTENSION = /\.(ts|mts|js|mjs)$/;
const NOT_A_PLUGIN = /^[._]|\.(test|d)\.[a-z]+$|^node_modules$/;
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
  for (const { name, isDirectory } of await entriesOf(folder)) {
    if (NOT_A_PLUGIN.test(name)) continue;
    if (isDirectory) {
      const index = (await entriesOf(join(folder, name))).find((entry) => INDEX_FILE.test(entry.name));
      if (index === undefined)
        found.problems.push({ file: join(folder, name), message: 'this folder has no index.ts' });
      else found.files.push({ kind, id: name, file: join(folder, name, index.name) });
    } else if (EXTENSION.test(name)) {
      found.files.push({ kind, id: name.replace(EXTENSION, ''), file: join(folder, name) });
    }
  }
}

/** In the order of their names, so that the same files are always taken in the same order. */
async function entriesOf(folder: string): Promise<{ name: string; isDirectory: boolean }[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const entries = await Promise.all(
    names.toSorted(byName).map(async (name) => {
      // Through links: many keep their plugins in a repository of their own.
      const stats = await stat(join(folder, name)).catch(() => undefined);
      return stats === undefined ? [] : [{ name, isDirectory: stats.isDirectory() }];
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
