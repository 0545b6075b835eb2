/** What users write for a Caddy. */
import { z } from 'zod';
import { isLoopbackUrl } from '#sdk/address.ts';
import { PackageName, SystemRoot } from '#sdk/apt/names.ts';
import { Command } from '#sdk/command.ts';
import { Duration } from '#sdk/duration.ts';
import { AbsolutePath, Glob } from '#sdk/paths.ts';
import { Probe } from '#sdk/probes.ts';
import type { Tools } from '#sdk/tools.ts';

/** Whoever reaches the admin API may change everything, for it asks for no password. */
const Admin = z
  .string()
  .refine((text) => /^unix\/\/[^\0]+$/.test(text) || isLoopbackUrl(text), {
    message: 'not a place of this machine: write http://localhost:2019, or unix//run/caddy/admin.sock',
  })
  .default('http://localhost:2019')
  .describe('Where the admin API listens, on loopback: http://localhost:2019, or unix//run/caddy/admin.sock');

export const Config = z.object({
  admin: Admin,
  config_file: AbsolutePath.default('/etc/caddy/Caddyfile').describe(
    'The file that Caddy is started with: a Caddyfile, or JSON when it ends in .json',
  ),
  data_dir: AbsolutePath.default('/var/lib/caddy/.local/share/caddy').describe(
    'Where Caddy keeps certificates and keys',
  ),
  program: z
    .string()
    .regex(/^(\/[^\0]+|[A-Za-z0-9][A-Za-z0-9._-]*)$/, 'the name of a program, or its absolute path')
    .default('caddy')
    .describe('The program that checks the file: a name that is found in PATH, or an absolute path'),
  stop: z
    .array(Command)
    .min(1)
    .default([['systemctl', 'stop', 'caddy']])
    .describe('Stops it, for updates and rollbacks'),
  start: z
    .array(Command)
    .min(1)
    .default([['systemctl', 'start', 'caddy']])
    .describe('Starts it with its file; must do no harm when it runs already'),
  timeout: Duration.default('60s').describe('How long each of these commands, and the start, may take'),
  validate: z.array(Probe).default([]).describe('What must be good for it to count as working, besides its admin API'),
});

export const Backup = z.object({
  paths: z
    .array(AbsolutePath)
    .default([])
    .describe('More files and directories to back up: sites, certificates of your own'),
  exclude: z.array(Glob).default([]).describe('Globs, relative to each directory, of what is left out'),
});

export const Update = z.object({
  package: PackageName.default('caddy').describe('The Debian package that it comes from'),
  root: SystemRoot,
  timeout: Duration.default('30m').describe('How long each command of apt may take'),
});

export type CaddyTools = Tools<
  z.output<typeof Config> & { backup: z.output<typeof Backup>; update: z.output<typeof Update> }
>;
