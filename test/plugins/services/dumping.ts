/** A generic service with databases, and a directory that its dumps go to. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/generic/index.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import { tempDir } from '#test/support/tmp.ts';

export const call = promisify(execFile);
/** One for each process of tests: its directory is outside of theirs. */
export const TRIAL = `trial-${process.pid}`;

const RELEASE = { version: null, images: [], configFiles: [], detail: {} };

export interface Dumping extends AsyncDisposable {
  path: string;
  dump(...databases: JsonObject[]): Promise<Dump[]>;
  /** Packed so that a later dump has much of it. */
  dumpShareable(...databases: JsonObject[]): Promise<Dump[]>;
  load(dumps: readonly Dump[], ...databases: JsonObject[]): Promise<JsonObject>;
  /** Loads them into servers of a trial's own. */
  tryOut(dumps: readonly Dump[], ...databases: JsonObject[]): Promise<JsonObject>;
  /** Removes what such a trial has left. */
  endTry(...databases: JsonObject[]): Promise<JsonObject>;
  /** The trees of a backup. */
  sources(backup: JsonObject): Promise<JsonObject>;
  /** What was dumped into a file. */
  content(file: string): Promise<string>;
  /** Puts other content into the file of a dump. */
  replace(file: string, content: string): Promise<void>;
}

/** @param service keys of it besides the databases. */
export async function openDumping(service: JsonObject = {}): Promise<Dumping> {
  const harness = await openPlugin(plugin);
  const dir = await tempDir();
  const dump = async (databases: JsonObject[], how: JsonObject = {}) => {
    const output = await harness.run(
      'dump',
      { ...service, backup: { databases } },
      { directory: dir.path, level: 1, ...how },
    );
    return output['dumps'] as unknown as Dump[];
  };
  return {
    path: dir.path,
    dump: async (...databases) => dump(databases),
    dumpShareable: async (...databases) => dump(databases, { shareable: true }),
    async load(dumps, ...databases) {
      const input = { directory: dir.path, dumps: dumps as unknown as JsonObject[], release: RELEASE };
      return harness.run('load', { ...service, backup: { databases } }, input);
    },
    async tryOut(dumps, ...databases) {
      const input = { trial: TRIAL, directory: dir.path, dumps: dumps as unknown as JsonObject[] };
      return harness.run('tryDumps', { ...service, backup: { databases } }, input);
    },
    endTry: async (...databases) => harness.run('endTryDumps', { ...service, backup: { databases } }, { trial: TRIAL }),
    sources: async (backup) => harness.run('sources', { ...service, backup }),
    content: async (file) => (await call('zstd', ['-dcq', join(dir.path, file)])).stdout,
    async replace(file, content) {
      await writeFile(join(dir.path, 'other'), content);
      await call('zstd', ['-qf', join(dir.path, 'other'), '-o', join(dir.path, file)]);
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Does the work while a program of this name is found first. */
export async function withProgram<T>(
  { path }: Dumping,
  { name, script }: { name: string; script: string },
  work: () => Promise<T>,
): Promise<T> {
  const bin = join(path, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
  const { PATH } = process.env;
  process.env['PATH'] = `${bin}:${PATH}`;
  try {
    return await work();
  } finally {
    process.env['PATH'] = PATH;
  }
}
