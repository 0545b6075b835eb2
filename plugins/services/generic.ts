/** Any program: its files are known, and the user's own commands bring it to rest and tell its version. */
import { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { Command, Commands } from '#sdk/command.ts';
import { Duration, milliseconds } from '#sdk/duration.ts';
import { service } from '#sdk/kinds/service.ts';
import { Probe, runProbe, runProbes } from '#sdk/probes.ts';
import type { Argv, ExecOptions, Tools } from '#sdk/tools.ts';

const Config = z.object({
  validate: z.array(Probe).default([]).describe('What must be good for the service to count as working'),
  version: Command.optional().describe('Prints the version on its first line'),
});

/** Nobody could say what a relative path is relative to: there is no folder that belongs to the service. */
const AbsolutePath = z
  .string()
  .startsWith('/', 'must be an absolute path: it begins with /')
  .refine((path) => !path.includes('\0'), 'cannot hold a NUL character')
  .refine((path) => !path.split('/').includes('..'), 'must not go through ".."');

const Glob = z
  .string()
  .min(1)
  .refine((glob) => !glob.startsWith('/'), 'is relative to the path: it does not begin with /');

const Backup = z.object({
  paths: z.array(AbsolutePath).min(1).describe('Files and directories to back up'),
  exclude: z.array(Glob).default([]).describe('Globs, relative to each path, of what is left out'),
  commands: z
    .strictObject({
      before: Commands.describe('Run before the files are read: [[notesctl, flush]]'),
      after: Commands.describe('Run when the service works again, also after a failure'),
      timeout: Duration.default('10m').describe('How long each of these commands may take'),
    })
    .prefault({}),
  quiesce: z
    .strictObject({
      stop: Commands.describe('Stops the service; left out, it goes on while its files are read'),
      start: Commands.describe('Starts it again; must do no harm when it runs already'),
      timeout: Duration.default('60s').describe('How long each of these commands, and the start, may take'),
    })
    .prefault({})
    .refine(({ stop, start }) => (stop.length === 0) === (start.length === 0), 'stop and start belong together'),
});

type GenericTools = Tools<z.output<typeof Config> & { backup: z.output<typeof Backup> }>;

export const plugin = service.define({
  id: 'generic',
  title: 'Any program',
  config: Config,
  backup: Backup,
  actions: {
    async inspect(tools) {
      const [results, version] = await Promise.all([
        Promise.all(tools.config.validate.map(async (probe) => runProbe(tools, probe))),
        versionOf(tools),
      ]);
      const bad = results.filter(({ ok }) => !ok).map(({ probe, detail }) => `${probe}: ${detail}`);
      const details = [...(results.length === 0 ? ['no probes are configured'] : bad), ...version.problems];
      const detail = details.length === 0 ? 'all probes are good' : details.join('; ');
      return { state: stateFrom(results), ...version.found, detail };
    },

    async sources({ config: { backup } }) {
      return { sources: backup.paths.map((path) => ({ path, exclude: backup.exclude })) };
    },

    async quiesce(tools) {
      const { commands, quiesce } = tools.config.backup;
      for (const command of commands.before) await tools.exec(command, { timeoutMs: milliseconds(commands.timeout) });
      for (const command of quiesce.stop) await tools.exec(command, asService(quiesce.timeout));
      const outage = quiesce.stop.length > 0;
      const ran = commands.before.length > 0 ? [`${counted(commands.before.length, 'before-command')} done`] : [];
      const stopped = outage ? ['service stopped; outage begins'] : [];
      return { summary: [...ran, ...stopped].join(', ') || 'nothing to stop', outage };
    },

    async resume(tools) {
      const { commands, quiesce } = tools.config.backup;
      // One that fails must not keep the others from being run: whatever can be started again is.
      const failures = [
        ...(await runAll(tools, quiesce.start, asService(quiesce.timeout))),
        ...(await runAll(tools, commands.after, asService(commands.timeout))),
      ];
      if (failures[0] !== undefined) throw failures[0];
      return { summary: await workingAgain(tools) };
    },

    async validate(tools, timing) {
      return runProbes(tools, tools.config.validate, timing);
    },

    /** What such a program runs is not made of images. */
    async versions() {
      return { images: [] };
    },
  },
});

/** What such a command starts stays when it has ended, and must not run with a backup's low priority for ever. */
function asService(timeout: string): ExecOptions {
  return { timeoutMs: milliseconds(timeout), priority: 'normal' };
}

async function runAll(tools: GenericTools, commands: readonly Argv[], options: ExecOptions): Promise<unknown[]> {
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

async function workingAgain(tools: GenericTools): Promise<string> {
  const { validate, backup } = tools.config;
  if (validate.length === 0) return backup.quiesce.start.length > 0 ? 'service started' : 'nothing to start';
  const timeoutMs = milliseconds(backup.quiesce.timeout);
  const { healthy, summary } = await runProbes(tools, validate, { timeoutMs, stableForMs: 0 });
  if (healthy) return 'service works';
  throw new AutopilotError(
    'HA_CHECK_FAILED',
    `${tools.name} does not work after ${backup.quiesce.timeout}: ${summary}`,
    {
      next: `look at ${tools.name}; if it only needs longer to start, raise backup.quiesce.timeout`,
    },
  );
}

function stateFrom(results: readonly { ok: boolean }[]): 'up' | 'down' | 'unknown' {
  if (results.length === 0) return 'unknown';
  return results.every(({ ok }) => ok) ? 'up' : 'down';
}

async function versionOf(tools: GenericTools): Promise<{ found: { version?: string }; problems: string[] }> {
  const command = tools.config.version;
  if (command === undefined) return { found: {}, problems: [] };
  try {
    const { stdout } = await tools.exec(command, { timeoutMs: 30_000 });
    const version = stdout.trim().split('\n')[0];
    return version === undefined || version === '' ? { found: {}, problems: [] } : { found: { version }, problems: [] };
  } catch (error) {
    return { found: {}, problems: [`the version is not known: ${errorText(error)}`] };
  }
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
