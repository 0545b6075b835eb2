/** What users write for a program of their own. */
import { z } from 'zod';
import { PackageName, SystemRoot } from '#sdk/apt/names.ts';
import { Command, Commands } from '#sdk/command.ts';
import { Databases } from '#sdk/databases/entry.ts';
import { DockerSocket } from '#sdk/docker/socket.ts';
import { Duration } from '#sdk/duration.ts';
import { AbsolutePath, Glob } from '#sdk/paths.ts';
import { Probe } from '#sdk/probes.ts';
import type { Tools } from '#sdk/tools.ts';

export const Config = z.object({
  validate: z.array(Probe).default([]).describe('What must be good for the service to count as working'),
  version: Command.optional().describe('Prints the version on its first line'),
  unit: z
    .string()
    .max(255)
    .regex(/^[A-Za-z0-9][A-Za-z0-9:_.@-]*\.service$/, 'not the name of a systemd service, such as notes.service')
    .optional()
    .describe('The systemd service that it runs as: stopped and started by it, and good when it is active'),
  socket: DockerSocket.describe('Socket of the Docker engine that has the containers of `backup.databases`'),
});

const BackupKeys = z.object({
  paths: z
    .array(AbsolutePath)
    .default([])
    .describe('Files and directories to back up; only a service with databases may do without'),
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
  databases: Databases,
});

export const Backup = BackupKeys.superRefine(({ paths, databases }, issues) => {
  if (paths.length === 0 && databases.length === 0) {
    issues.addIssue({ code: 'custom', path: ['paths'], message: 'needs at least one path, or `databases`' });
  }
  for (const [index, entry] of databases.entries()) {
    if (entry.type !== 'sqlite' || AbsolutePath.safeParse(entry.path).success) continue;
    const message = 'must be an absolute path without "..": it begins with /';
    issues.addIssue({ code: 'custom', path: ['databases', index, 'path'], message });
  }
});

export const Update = z.object({
  check: Command.optional().describe(
    'Prints the newest version on its first line, or nothing when there is none newer',
  ),
  command: Command.optional().describe('Updates; finds the version to go to in $HOMELAB_AUTOPILOT_VERSION'),
  version: Command.optional().describe('Prints the version that runs; left out, `version` of the service'),
  revert: Command.optional().describe(
    'Brings the program in $HOMELAB_AUTOPILOT_VERSION back; left out when `backup.paths` hold the program itself',
  ),
  apt: z
    .strictObject({
      packages: z.array(PackageName).min(1).describe('Installed packages that are updated, and brought back, together'),
      root: SystemRoot,
    })
    .optional()
    .describe('Updates Debian packages, in place of commands of your own'),
  timeout: Duration.default('30m').describe('How long each of these commands may take'),
});

export type GenericTools = Tools<
  z.output<typeof Config> & { backup: z.output<typeof Backup>; update: z.output<typeof Update> }
>;
