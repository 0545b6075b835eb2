/** The user's commands: in order, as the service's owner would run them, and what they say of its version. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { versionText } from '#sdk/apt/propose.ts';
import { milliseconds } from '#sdk/duration.ts';
import { runProbes } from '#sdk/probes.ts';
import type { Argv, ExecOptions } from '#sdk/tools.ts';
import type { GenericTools } from './config.ts';
import { packagesOf } from './packages.ts';
import { probesOf, startCommands } from './unit.ts';

/** What such a command starts stays when it has ended, and must not run with a backup's low priority for ever. */
export function asService(timeout: string): ExecOptions {
  return { timeoutMs: milliseconds(timeout), priority: 'normal' };
}

export async function runAll(tools: GenericTools, commands: readonly Argv[], options: ExecOptions): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const command of commands) {
    try {
      await tools.exec(command, options);
    } catch (error) {
      tools.log.warn('a command failed', { command: command.join(' '), error: errorText(error) });
      failures.push(error);
    }
  }
  return failures;
}

export async function workingAgain(tools: GenericTools): Promise<string> {
  const { backup } = tools.config;
  const probes = probesOf(tools);
  if (probes.length === 0) return startCommands(tools).length > 0 ? 'service started' : 'nothing to start';
  const timeoutMs = milliseconds(backup.quiesce.timeout);
  const { healthy, summary } = await runProbes(tools, probes, { timeoutMs, stableForMs: 0 });
  if (healthy) return 'service works';
  throw new AutopilotError(
    'HA_CHECK_FAILED',
    `${tools.name} does not work after ${backup.quiesce.timeout}: ${summary}`,
    {
      next: `look at ${tools.name}; if it only needs longer to start, raise backup.quiesce.timeout`,
    },
  );
}

export async function versionOf(tools: GenericTools): Promise<{ found: { version?: string }; problems: string[] }> {
  const command = tools.config.update.version ?? tools.config.version;
  if (command === undefined) return await packageVersion(tools);
  try {
    const { stdout } = await tools.exec(command, { timeoutMs: 30_000 });
    const version = stdout.trim().split('\n')[0];
    return version === undefined || version === '' ? { found: {}, problems: [] } : { found: { version }, problems: [] };
  } catch (error) {
    return { found: {}, problems: [`the version is not known: ${errorText(error)}`] };
  }
}

async function packageVersion(tools: GenericTools): Promise<{ found: { version?: string }; problems: string[] }> {
  const versions = await packagesOf(tools);
  const found = Object.keys(versions).length === 0 ? {} : { version: versionText(versions) };
  return { found, problems: [] };
}
