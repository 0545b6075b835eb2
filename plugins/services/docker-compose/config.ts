/** What users write for a Compose project. */
import { z } from 'zod';
import { Databases } from '#sdk/databases/entry.ts';
import { DockerSocket } from '#sdk/docker/socket.ts';
import { Duration } from '#sdk/duration.ts';
import { Glob } from '#sdk/paths.ts';
import { Probe } from '#sdk/probes.ts';
import type { Tools } from '#sdk/tools.ts';

export const Config = z.object({
  path: z
    .string()
    .startsWith('/')
    .describe('Directory of the project: the one with its compose.yaml')
    .meta({ path: true }),
  project: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a project name has small letters, digits, "_" and "-"')
    .optional()
    .describe('Compose’s name of the project; left out, that of the containers that were started from the directory'),
  socket: DockerSocket,
  validate: z
    .array(Probe)
    .default([])
    .describe('What must be good for the service to count as working, besides its containers'),
});

/** It becomes a word of a command line, so nothing that looks like an option is one. */
const ServiceName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'a Compose service has letters, digits, ".", "_" and "-", and begins with a letter or digit',
  );

const ExtraPath = z
  .string()
  .min(1)
  .refine((path) => !path.includes('\0'), 'cannot hold a NUL character');

export const BackupKeys = z.object({
  paths: z
    .array(ExtraPath)
    .default([])
    .describe('More files and directories to back up, absolute or relative to `path`: bind mounts outside of it'),
  exclude: z
    .array(Glob)
    .default([])
    .describe('Globs of what is left out, relative to the directory, to each volume and to each of the paths'),
  quiesce: z
    .strictObject({
      stop: z
        .union([z.literal('all'), z.array(ServiceName)])
        .default([])
        .describe(
          'Compose services to stop, in this order, or `all`; they are started again in reverse. Left out: nothing stops',
        ),
      timeout: Duration.default('60s').describe('How long each stop, and the start, may take'),
    })
    .prefault({}),
  databases: Databases,
});

/** The server of a database that is dumped must run until it is; where all is to be at rest it is stopped after that. */
export function databasesGoOn(
  { quiesce: { stop }, databases }: z.output<typeof BackupKeys>,
  issues: z.core.$RefinementCtx,
): void {
  if (stop === 'all') return;
  for (const entry of databases) {
    const index = entry.type === 'sqlite' ? -1 : stop.indexOf(entry.container ?? '');
    if (index < 0) continue;
    const message = `"${stop[index]}" runs a database that is dumped, so it cannot be stopped before; leave it out`;
    issues.addIssue({ code: 'custom', path: ['quiesce', 'stop', index], message });
  }
}

export const Backup = BackupKeys.superRefine(databasesGoOn);

export const Update = z.object({
  shared_volumes: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe('What to do when a container of another project mounts a volume that a rollback would replace'),
  shared_network: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe('What to do when a container of another project lives in the network of one that an update replaces'),
});

export type ComposeTools = Tools<
  z.output<typeof Config> & { backup: z.output<typeof Backup>; update: z.output<typeof Update> }
>;
