/** Where the configuration is: which main file, and which files next to it. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '#config/variables.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';

export interface ConfigPlace {
  /** From `--config`. */
  file?: string | undefined;
  env: Environment;
  cwd: string;
}

const FILE_NAME = 'homelab-autopilot.yaml';
const SYSTEM_FILE = `/etc/homelab-autopilot/${FILE_NAME}`;
const VARIABLE = 'HOMELAB_AUTOPILOT_CONFIG';

/**
 * Finds and reads the main file: `--config`, `$HOMELAB_AUTOPILOT_CONFIG`, the working directory, the system path. A file
 * that was named must be there; only the last two are looked for.
 * @throws HA_CONFIG_UNREADABLE that names the places.
 */
export async function findConfigFile({ file, env, cwd }: ConfigPlace): Promise<{ file: string; text: string }> {
  const named = file === undefined ? env[VARIABLE] : file;
  if (named !== undefined && named !== '') {
    const absolute = path.resolve(cwd, named);
    const text = await readText(absolute);
    if (text !== undefined) return { file: absolute, text };
    const from = file === undefined ? `; $${VARIABLE} names it` : '';
    throw new AutopilotError('HA_CONFIG_UNREADABLE', `${absolute}: no such file${from}`, {
      next: 'Check the path, or leave it out to use the usual places.',
    });
  }
  const places = [path.resolve(cwd, FILE_NAME), SYSTEM_FILE];
  for (const place of places) {
    const text = await readText(place);
    if (text !== undefined) return { file: place, text };
  }
  throw new AutopilotError('HA_CONFIG_UNREADABLE', `no configuration found; looked at ${places.join(' and ')}`, {
    next: `Write one of them, or name a file with --config FILE or $${VARIABLE}.`,
  });
}

/** Where the user's own plugins are, for the configuration in `file`. */
export function pluginDirOf(file: string): string {
  return path.join(path.dirname(file), 'plugins.d');
}

/** @returns `undefined` when there is no such file. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AutopilotError('HA_CONFIG_UNREADABLE', `${file}: ${reason(code, error)}`, {
      cause: error,
      next: code === 'EACCES' ? 'Run as a user who may read it, or change its owner or mode.' : 'Check the path.',
    });
  }
}

/** The files of `services.d` in name order, and those that look as if they were meant to be read. */
export async function serviceFiles(mainFile: string): Promise<{ files: string[]; passedOver: string[] }> {
  const directory = path.join(path.dirname(mainFile), 'services.d');
  try {
    const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
    const full = (name: string): string => path.join(directory, name);
    return {
      files: names.filter((name) => name.endsWith('.yaml')).map(full),
      passedOver: names.filter((name) => name.endsWith('.yml')).map(full),
    };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return { files: [], passedOver: [] };
    throw new AutopilotError('HA_CONFIG_UNREADABLE', `${directory}: ${reason(code, error)}`, {
      cause: error,
      next: 'The directory holds more services; it must be readable, or not there.',
    });
  }
}

function reason(code: string | undefined, error: unknown): string {
  if (code === 'EACCES') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a directory, not a file';
  if (code === 'ENOTDIR') return 'is not a directory';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return errorText(error);
}
