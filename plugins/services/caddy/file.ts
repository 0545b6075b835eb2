/** The file that Caddy is started with: what it imports, what Caddy makes of it, and whether Caddy could run it. */
import { glob, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import type { Argv } from '#sdk/tools.ts';
import { adaptByCaddy, inFile, type Running } from './admin.ts';
import type { CaddyTools } from './config.ts';

/** The configuration file and all files that it imports, each once. */
export async function configFiles(tools: CaddyTools): Promise<string[]> {
  const { config_file: first } = tools.config;
  if (isJson(first)) return [first];
  const found = new Set<string>();
  const waiting = [first];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file)) continue;
    const text = await textOf(tools, file);
    found.add(file);
    waiting.push(...(await importedBy(file, text)));
  }
  return [...found];
}

/** `import sites/*.caddy` and the like; a name of a snippet is no file. What cannot be told beforehand is not followed. */
async function importedBy(file: string, text: string): Promise<string[]> {
  const patterns = [...text.matchAll(/^\s*import\s+(?:"([^"]+)"|(\S+))/gm)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  const files: string[] = [];
  for (const pattern of patterns.filter((one) => !one.includes('{'))) {
    const whole = isAbsolute(pattern) ? pattern : join(dirname(file), pattern);
    for await (const path of glob(whole)) {
      if ((await stat(path).catch(() => undefined))?.isFile() === true) files.push(path);
    }
  }
  return files.toSorted();
}

async function textOf(tools: CaddyTools, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = systemCode(cause) === 'ENOENT' ? 'HA_SOURCE_MISSING' : 'HA_SOURCE_UNREADABLE';
    throw new AutopilotError(code, `${tools.name}: cannot read ${file} (${systemCode(cause)})`, {
      cause,
      next: 'correct `config_file` of the service',
    });
  }
}

/** What the file says, as the JSON that Caddy would run. @throws AutopilotError HA_CHECK_FAILED with file and line. */
async function adaptedFile(tools: CaddyTools, running: Running | undefined): Promise<Json> {
  const file = tools.config.config_file;
  const text = await textOf(tools, file);
  if (isJson(file)) return jsonOf(tools, text);
  // A Caddy that runs knows its own environment; but it does not know from where a relative import counts.
  if (running !== undefined && !/^\s*import\s/m.test(text)) return await adaptByCaddy(tools, text);
  const { stdout } = await asOwner(tools, ['adapt', '--config', file, '--adapter', 'caddyfile']);
  return jsonOf(tools, stdout);
}

function jsonOf(tools: CaddyTools, text: string): Json {
  try {
    return z.json().parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: ${tools.config.config_file} is not JSON: ${why}`, {
      cause,
      next: 'correct the file; nothing was changed',
    });
  }
}

/** Has the program that is installed now read the file and set all of it up, short of listening. */
export async function validateFile(tools: CaddyTools): Promise<void> {
  const file = tools.config.config_file;
  await textOf(tools, file);
  await asOwner(tools, ['validate', '--config', file, ...(isJson(file) ? [] : ['--adapter', 'caddyfile'])]);
}

/** As the user that Caddy's data belongs to: as root it would make log files that Caddy itself could not write any more. */
async function asOwner(tools: CaddyTools, words: readonly string[]): Promise<{ stdout: string }> {
  const { config_file: file, data_dir: data, program } = tools.config;
  const owner = await stat(data).catch(() => undefined);
  const other = owner !== undefined && owner.uid !== 0 && userInfo().uid === 0;
  const rights = other ? ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups', '--'] : [];
  const [first = program, ...rest] = [...rights, program, ...words];
  const argv: Argv = [first, ...rest];
  // Another user could not use our scratch directory; that one's own data is what it may touch anyway.
  const home = other ? dirname(data) : await tools.scratch();
  const env = { HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
  try {
    return await tools.exec(argv, { timeoutMs: 60_000, cwd: dirname(file), env });
  } catch (cause) {
    if (!(cause instanceof AutopilotError) || cause.code !== 'HA_COMMAND_FAILED') throw cause;
    // Log lines in JSON come before it.
    const why = /(?:^|\n|: )Error: ([^\n]+)/.exec(cause.message)?.[1] ?? cause.message;
    throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: Caddy cannot run its file: ${inFile(tools, why)}`, {
      cause,
      next: `correct ${file};  ${program} validate --config ${file}  checks it`,
    });
  }
}

/**
 * @returns in words how what runs and the file differ, and what is wrong with the file; undefined when nothing is. A
 * file that Caddy cannot read differs from all that runs.
 */
export async function driftNow(tools: CaddyTools, running: Running | undefined): Promise<string | undefined> {
  try {
    const file = await adaptedFile(tools, running);
    return running === undefined ? undefined : driftBetween(running.config, file);
  } catch (error) {
    tools.signal.throwIfAborted();
    return errorText(error);
  }
}

function driftBetween(running: Json, file: Json): string | undefined {
  if (isDeepStrictEqual(running, file)) return undefined;
  return `Caddy runs another configuration than its file says (at ${placeOfChange(running, file)}); a restart would lose it`;
}

function placeOfChange(one: Json | undefined, other: Json | undefined, path = ''): string {
  if (!isBranch(one) || !isBranch(other)) return path === '' ? '/' : path;
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const key = keys.find((name) => !isDeepStrictEqual(childOf(one, name), childOf(other, name)));
  return key === undefined ? path : placeOfChange(childOf(one, key), childOf(other, key), `${path}/${key}`);
}

type Branch = Json[] | { [key: string]: Json };

function isBranch(value: Json | undefined): value is Branch {
  return typeof value === 'object' && value !== null;
}

function childOf(branch: Branch, key: string): Json | undefined {
  return Array.isArray(branch) ? branch[Number(key)] : branch[key];
}

function isJson(file: string): boolean {
  return file.endsWith('.json');
}
