/** Getting the value behind a reference, at the moment and on the host where it is used. */
import { readFile } from 'node:fs/promises';
import { type ConfigPlace, findConfigFile } from '#config/find.ts';
import { newReport } from '#config/issues.ts';
import { descend, writtenBranches } from '#config/locate.ts';
import type { WrittenNode } from '#config/source.ts';
import { readWritten, servicePath } from '#config/written.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import type { SecretRef } from '#sdk/secret.ts';

const COMMAND_TIMEOUT_MS = 30_000;

export interface SecretPorts {
  /** Runs a command without a shell; fails when it cannot be started, exits with another status than 0, or is too slow. */
  run(argv: readonly [string, ...string[]], options: { timeoutMs: number }): Promise<{ stdout: string }>;
  /** A value that stands in the configuration file itself: `readInlineSecret` on the machine that has the file. */
  inline(path: string): Promise<string>;
}

/**
 * Fetches a secret. The line break that ends a file or a command's output is not part of it.
 * @throws HA_SECRET_UNAVAILABLE that names the key and the source, never the value.
 */
export async function resolveSecret(ref: SecretRef, ports: SecretPorts): Promise<string> {
  const { path, source } = ref.$secret;
  switch (source.from) {
    case 'configuration':
      return ports.inline(path);
    case 'file':
      return usable(await fromFile(path, source.file), `${path}: ${source.file} is empty`);
    case 'command':
      return usable(await fromCommand(path, source.command, ports), `${path}: "${source.command[0]}" printed nothing`);
  }
}

/**
 * Finds a value that was written in the file itself. The file is read again for it, so that no process keeps secrets in
 * memory or hands them on with the configuration, and a value that was changed is the new one at once.
 */
export async function readInlineSecret(place: ConfigPlace, path: string): Promise<string> {
  const report = newReport();
  const written = await readWritten(await findConfigFile(place), { env: place.env, report });
  const service = written.services
    .map((entry) => ({ node: entry.node, path: servicePath(entry) }))
    .filter((entry) => path.startsWith(`${entry.path}.`))
    .sort((a, b) => b.path.length - a.path.length)[0];
  const root: WrittenNode = service?.node ?? written.main;
  const found = descend(root, path.slice(service?.path.length ?? 0), writtenBranches);
  if (found?.kind !== 'scalar' || typeof found.value !== 'string') {
    throw unavailable(`${path} is not in the configuration any more`);
  }
  const problem = report.errors.find(({ line, column, file }) => {
    return line === found.at.line && column === found.at.column && file === found.at.file;
  });
  if (problem !== undefined) throw unavailable(`${path}: ${problem.message}`);
  return usable(found.value, `${path} is empty`);
}

async function fromFile(path: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    const reasons: Record<string, string> = { ENOENT: 'there is no such file', EACCES: 'this user may not read it' };
    throw unavailable(`${path}: ${file}: ${reasons[code ?? ''] ?? errorText(error)}`, error);
  }
}

async function fromCommand(path: string, command: readonly string[], ports: SecretPorts): Promise<string> {
  const [program = '', ...rest] = command;
  try {
    return (await ports.run([program, ...rest], { timeoutMs: COMMAND_TIMEOUT_MS })).stdout;
  } catch (error) {
    throw unavailable(`${path}: the command "${program}" failed: ${errorText(error)}`, error);
  }
}

function usable(text: string, problem: string): string {
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw unavailable(problem);
  return value;
}

function unavailable(message: string, cause?: unknown): AutopilotError {
  return new AutopilotError('HA_SECRET_UNAVAILABLE', message, {
    ...(cause === undefined ? {} : { cause }),
    next: 'Make the secret available to the user who runs this, then try again.',
  });
}
