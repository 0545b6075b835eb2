/** What tests of the archive room stand on: real tools, a staging directory, local destinations, a tree to back up. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plugin as archive } from '#archive/plugin.ts';
import { type RestoreOptions, type RestoreReport, restoreSet } from '#archive/restore/restore.ts';
import { type VerifyReport, verifySet } from '#archive/verify.ts';
import { resolveSecret } from '#config/secrets.ts';
import { performAction } from '#host/perform.ts';
import { openScratch } from '#host/scratch.ts';
import { createTools } from '#host/tools.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as local } from '#plugins/destinations/local/index.ts';
import type { Plugin } from '#sdk/contract.ts';
import type { Encryption } from '#sdk/encryption.ts';
import type { PluginRef } from '#sdk/plan.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';
import { openStage, type Stage, stepOf } from '#test/host/stage.ts';

export interface Bed extends AsyncDisposable {
  stage: Stage;
  /** A directory for sources, restores and whatever a test needs. */
  folder: string;
  stateDir: string;
  /** Where a sealed set lies in staging. */
  staged(set: string): string;
  /** Runs an archive action as a worker does. */
  archive(action: string, input: JsonObject, signal?: AbortSignal): Promise<JsonObject>;
  /** Runs an action of a destination. */
  destination(name: string, action: string, input: JsonObject, signal?: AbortSignal): Promise<JsonObject>;
  addDestination(name: string, config: JsonObject, type?: string): void;
  /** A service that steps may call, of one of the plugins. */
  addService(type: string): void;
  withTools<T>(use: (tools: Tools) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

interface BedSettings {
  plugins?: readonly Plugin[];
  secrets?: Record<string, string>;
  /** The directory of a bed of another machine, to work in as well. */
  at?: string;
}

export const SERVICE = 'notes';
export const COMPRESSION = { algorithm: 'zstd', level: 1 };

/** `plugins` are there besides the archive and local destinations; `secrets` by their path in the configuration. */
export async function openBed({ plugins = [], secrets = {}, at }: BedSettings = {}): Promise<Bed> {
  const place = at === undefined ? {} : { folder: at };
  const stage = await openStage({ plugins: [archive, local, ...plugins], secrets, ...place });
  const stateDir = join(stage.folder, 'state');
  const folder = join(stage.folder, 'data');
  await mkdir(folder, { recursive: true });
  const ports = { ...stage.ports, stateDir, secret: secretsOf(secrets) };
  // What a large set tells of its progress would fill the memory that is measured.
  const voice = { ...stage.voice, progress: () => undefined };
  const destinations = new Map<string, PluginRef>();
  const services: PluginRef[] = [];
  const never = new AbortController().signal;
  return {
    stage,
    folder,
    stateDir,
    staged: (set) => join(stateDir, 'backups/staging', set),
    addDestination: (name, config, type = 'local') => {
      destinations.set(name, { kind: 'destination', name, type, config });
    },
    addService: (type) => services.push({ kind: 'service', name: SERVICE, type, config: {} }),
    archive: async (action, input, signal = never) => {
      const plugin: PluginRef = { kind: 'archive', name: SERVICE, type: 'archive', config: {} };
      const step = stepOf(stage, {
        plugin,
        action,
        input,
        uses: [...destinations.values(), ...services],
        timeoutMs: 3_600_000,
        voice,
      });
      return await performAction(step, ports, signal);
    },
    destination: async (name, action, input, signal = never) => {
      const plugin = destinations.get(name) ?? { kind: 'destination', name, type: 'local', config: {} };
      return await performAction(stepOf(stage, { plugin, action, input }), ports, signal);
    },
    withTools: async (use, signal = never) => {
      await using scratch = openScratch(stateDir, 'cli/step');
      const noOther = () => {
        throw new Error('no other plugin in this test');
      };
      const execution = { config: {}, name: SERVICE, stepKey: 'cli/step', signal, scratch, use: noOther };
      return await use(createTools(execution, ports, voice));
    },
    [Symbol.asyncDispose]: async () => await stage[Symbol.asyncDispose](),
  };
}

/** Those that a test gives, and files as they are read on a host. */
function secretsOf(given: Record<string, string>): (ref: SecretRef) => Promise<string> {
  const never = async (): Promise<never> => {
    throw new Error('no test has secrets of this kind');
  };
  return async (ref) => given[ref.$secret.path] ?? (await resolveSecret(ref, { run: never, inline: never }));
}

/** Captures and seals one source. Returns the set's directory in staging. */
export async function makeSet(bed: Bed, source: string | string[], options: MakeOptions = {}): Promise<string> {
  const { set = 'set-one', exclude = [], encryption } = options;
  const encrypted = encryption === undefined ? {} : { encryption };
  const sources = [source].flat().map((path) => ({ path, exclude }));
  await bed.archive('capture', { set, service: SERVICE, run: 'run1', sources, compression: COMPRESSION, ...encrypted });
  await bed.archive('seal', { set, service: SERVICE, ...encrypted });
  return bed.staged(set);
}

interface MakeOptions {
  set?: string;
  exclude?: string[];
  encryption?: Encryption;
}

export async function verify(bed: Bed, directory: string, encryption?: Encryption): Promise<VerifyReport> {
  return await bed.withTools(async (tools) => await verifySet(tools, { directory, encryption }));
}

export async function restore(
  bed: Bed,
  directory: string,
  { encryption, ...options }: Partial<RestoreOptions> & { encryption?: Encryption } = {},
): Promise<RestoreReport> {
  return await bed.withTools(
    async (tools) => await restoreSet(tools, { directory, encryption }, { overwrite: false, ...options }),
  );
}

/** Writes files by their relative paths; directories are made. */
export async function writeTree(root: string, files: Record<string, string>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
  }
  return root;
}

/** Changes one byte of a file. */
export async function flipByte(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  const at = offset < 0 ? bytes.length + offset : offset;
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  await writeFile(path, bytes);
}
