/** Loads the plugins: ours, and the user's own. A bad one is named and left out; the rest works. */
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { HostCatalog, LeftOut } from '#host/catalog.ts';
import { createCatalog } from '#host/catalog.ts';
import type { Checked } from '#host/check-plugin.ts';
import { checkPlugin } from '#host/check-plugin.ts';
import type { PluginFile } from '#host/plugin-files.ts';
import { findPluginFiles } from '#host/plugin-files.ts';
import { provideImports } from '#host/plugin-imports.ts';
import { loadProgram } from '#host/program-plugin.ts';
import { distrust } from '#host/trusted-file.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { KindName, Plugin } from '#sdk/contract.ts';

export interface PluginPlaces {
  /** Folders with plugins of the product. */
  builtin: string;
  /** The user's `plugins.d/`, whether it exists or not. */
  user?: string;
  /** Plugins that are not files: the archive. */
  extra?: readonly Plugin[];
}

export interface PluginProblem {
  file: string;
  message: string;
}

export interface PluginEntry {
  kind: KindName;
  id: string;
  title: string;
  file: string;
  origin: 'built-in' | 'user';
}

export interface LoadedPlugins {
  catalog: HostCatalog;
  /** What was left out, and why. */
  problems: PluginProblem[];
  /** The plugins that were found in files, ours first. */
  list: PluginEntry[];
}

interface Loading {
  plugins: Plugin[];
  problems: PluginProblem[];
  leftOut: LeftOut[];
  list: PluginEntry[];
}

/** A plugin that waits for something while it is imported would hold up the start of everything. */
const IMPORT_LIMIT_MS = 10_000;

export async function loadPlugins(places: PluginPlaces): Promise<LoadedPlugins> {
  const loading: Loading = { plugins: [...(places.extra ?? [])], problems: [], leftOut: [], list: [] };
  await loadFolder(places.builtin, 'built-in', loading);
  const user = places.user === undefined ? undefined : await realpath(places.user).catch(() => undefined);
  if (user !== undefined) await loadFolder(user, 'user', loading);
  const { plugins, leftOut, problems, list } = loading;
  return { catalog: createCatalog(plugins, { leftOut }), problems, list };
}

async function loadFolder(root: string, origin: PluginEntry['origin'], loading: Loading): Promise<void> {
  const found = await findPluginFiles(root).catch((error: unknown) => {
    return { files: [], problems: [{ file: root, message: errorText(error) }] };
  });
  loading.problems.push(...found.problems);
  const load = origin === 'user' ? async (file: PluginFile) => loadUserPlugin(file, root) : loadPlugin;
  if (origin === 'user') provideImports(root);
  for (const file of found.files) {
    const { kind, id } = file;
    const rival = loading.list.find((one) => one.kind === kind && one.id === id);
    const { plugin, problems } = rival === undefined ? await load(file) : idTaken(file, rival);
    loading.problems.push(...problems.map((message) => ({ file: file.file, message })));
    if (plugin === undefined) {
      loading.leftOut.push({ kind, id, reason: `${file.file} was left out: ${problems.join('; ')}` });
      continue;
    }
    loading.plugins.push(plugin);
    loading.list.push({ kind, id, file: file.file, title: plugin.title, origin });
  }
}

async function loadUserPlugin(found: PluginFile, root: string): Promise<Checked> {
  const file = await realpath(found.file);
  const problem = await distrust(found.file, root);
  if (problem !== undefined) return { plugin: undefined, problems: [problem] };
  // A link leads to a folder of its own, from which the same imports must work.
  if (!file.startsWith(`${root}/`)) provideImports(dirname(file));
  return loadPlugin({ ...found, file });
}

async function loadPlugin(found: PluginFile): Promise<Checked> {
  if (found.form === 'program') return loadProgram(found.file, found);
  try {
    return checkPlugin(await importPlugin(found.file), found);
  } catch (error) {
    return { plugin: undefined, problems: [importProblem(error, found.file)] };
  }
}

function idTaken({ kind, id }: PluginFile, rival: PluginEntry): Checked {
  const by = rival.origin === 'built-in' ? 'a built-in plugin' : rival.file;
  return { plugin: undefined, problems: [`the ${kind} "${id}" is taken by ${by}; give this one another name`] };
}

async function importPlugin(file: string): Promise<unknown> {
  const done = new AbortController();
  const late = pause(IMPORT_LIMIT_MS, done.signal).then(() => {
    throw new AutopilotError(
      'HA_PLUGIN_INVALID',
      'it is still loading after 10 s: a plugin must not wait when it is imported',
    );
  });
  late.catch(() => undefined);
  try {
    const exported: { plugin?: unknown } = await Promise.race([import(pathToFileURL(file).href), late]);
    return exported.plugin;
  } finally {
    done.abort();
  }
}

/** The line is in no message: for a syntax error the stack begins with it, for others a frame has it. */
function importProblem(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = stack.indexOf(`${file}:`);
  const line = at === -1 ? undefined : /^\d+/.exec(stack.slice(at + file.length + 1))?.[0];
  return line === undefined ? errorText(error) : `line ${line}: ${errorText(error)}`;
}
