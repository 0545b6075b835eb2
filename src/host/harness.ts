/** Runs a plugin's actions as a worker would, on this machine and in a folder of its own: for the tests of plugins. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCatalog } from '#host/catalog.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import { performAction } from '#host/perform.ts';
import { loadPlugins } from '#host/plugins.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { pluginFolders } from '#sdk/catalog.ts';
import type { Plugin } from '#sdk/contract.ts';
import type { Log } from '#sdk/tools.ts';

export interface PluginHarness extends AsyncDisposable {
  /** What the check says against the plugin. Empty: it would be loaded. */
  problems: string[];
  /** Performs an action of it. Fails as a step would. */
  run(action: string, config: JsonObject, input?: JsonObject): Promise<JsonObject>;
}

/** For a plugin in a file, `services/notes.ts`, given as a path or as `import.meta.resolve('./notes.ts')`. */
export async function openPluginFile(fileOrUrl: string): Promise<PluginHarness> {
  const given = fileOrUrl.startsWith('file:') ? fileURLToPath(fileOrUrl) : resolve(fileOrUrl);
  const file = await realpath(given);
  const folder = dirname(file);
  const isIndex = basename(file).startsWith('index.') && !(basename(folder) in pluginFolders);
  const root = dirname(isIndex ? dirname(file) : folder);
  const { list, problems, catalog } = await loadPlugins({ builtin: join(root, '.none'), user: root });
  const entry = list.find((one) => one.file === file);
  const plugin = entry === undefined ? undefined : catalog.find(entry.kind, entry.id);
  const mine = problems.filter((problem) => problem.file === file || problem.file === folder);
  return openPlugin(
    plugin,
    mine.map(({ message }) => message),
  );
}

/** For a plugin that was imported already. */
export async function openPlugin(plugin: Plugin | undefined, problems: string[] = []): Promise<PluginHarness> {
  const stateDir = await mkdtemp(join(tmpdir(), 'plugin-test-'));
  const processes = new Processes({ priority: { nice: 0, ionice: 'none' }, graceMs: 200 });
  const ports = {
    catalog: createCatalog(plugin === undefined ? [] : [plugin]),
    masker: createMasker(),
    host: 'test',
    now: () => new Date(),
    secret: async () => {
      throw new AutopilotError('HA_SECRET_UNAVAILABLE', 'a test of a plugin has no secrets');
    },
    processes,
    stateDir,
  };
  return {
    problems,
    async run(action, config, input = {}) {
      if (plugin === undefined)
        throw new AutopilotError('HA_PLUGIN_INVALID', problems.join('; ') || 'it is not a plugin');
      const ref = { kind: plugin.kind, type: plugin.id, name: 'test', config };
      const step = {
        plugin: ref,
        uses: [],
        action,
        input,
        key: `test-${action}`,
        timeoutMs: 300_000,
        mayHaveRun: false,
      };
      return performAction(
        { ...step, voice: { log: silent, progress: () => undefined } },
        ports,
        new AbortController().signal,
      );
    },
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
