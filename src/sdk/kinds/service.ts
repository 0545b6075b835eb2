/** The service kind: a program that a homelab runs, with data worth keeping. */
import { z } from 'zod';
import { action, kind, optionalAction } from '#sdk/contract.ts';
import { Dump } from '#sdk/databases/dump.ts';
import { ProbeResult } from '#sdk/probes.ts';
import { RegistrySettings } from '#sdk/registry/settings.ts';

/** One tree to put into a backup set. */
export const Source = z.object({
  path: z.string().startsWith('/').describe('Absolute path of a file or directory'),
  exclude: z.array(z.string()).default([]).describe('Globs, relative to the path, of what is left out'),
});
export type Source = z.output<typeof Source>;

/** A source of a set that was unpacked somewhere else than where it came from. */
export const UnpackedTree = z.object({
  path: z.string().startsWith('/').describe('As configured'),
  realPath: z.string().startsWith('/').describe('With symlinks resolved: it lies there, seen from the root'),
});
export type UnpackedTree = z.output<typeof UnpackedTree>;

/** Names a copy of the service that runs beside it for a while. */
export const TrialName = z.string().regex(/^[a-z][a-z0-9-]{3,80}$/, 'not the name of a trial');

/** One image that the service runs now. */
export const RunningImage = z.object({
  name: z.string().min(1).describe('The part of the service that runs it, such as a Compose service'),
  reference: z.string().min(1).describe('The image as it was written: nginx:1.2'),
  digest: z.string().nullable().describe('Digest under which its registry knows it; null when it came from none'),
  imageId: z.string().nullable().describe("The engine's own id of it"),
  platform: z.string().nullable().describe('os/architecture[/variant] of it: linux/arm64/v8'),
});
export type RunningImage = z.output<typeof RunningImage>;

/** What ran at one instant, as far as it takes to run it again. It travels through queues, so it holds no secret. */
export const Release = z.object({
  version: z.string().nullable().describe("In the service's own words; null when it has none"),
  images: z.array(RunningImage),
  configFiles: z.array(z.string()).describe('Files that say how it runs; they lie in the sources of its backups'),
  detail: z.record(z.string(), z.json()).describe('What else its plugin needs to run it again'),
});
export type Release = z.output<typeof Release>;

/** One part of an update. */
export const UpdateTarget = z.object({
  name: z.string().min(1).describe('The part of the service, such as a Compose service'),
  reference: z.string().min(1).describe('The image that it is to run, as it is written: nginx:1.3'),
  digest: z.string().nullable().describe('Digest of it; null when it is known by its name alone'),
});
export type UpdateTarget = z.output<typeof UpdateTarget>;

const VersionPolicy = z
  .record(z.string(), z.json())
  .default({})
  .describe('The `update:` section and the registries, as far as they speak of versions');

const Registries = z
  .record(z.string(), RegistrySettings)
  .default({})
  .describe('Who we are at registries: an image that was removed meanwhile is fetched again');

const Done = z.object({ summary: z.string() });

export const service = kind('service', 'A program with data worth keeping', {
  inspect: action('read', 'Tells the version and whether the service is up', {
    input: z.object({}),
    output: z.object({ state: z.enum(['up', 'down', 'unknown']), version: z.string().optional(), detail: z.string() }),
  }),
  sources: action('read', 'Lists what belongs into a backup set', {
    input: z.object({
      dumped: z.boolean().default(false).describe('Leave out the files of databases that are dumped while they run'),
    }),
    output: z.object({
      sources: z.array(Source),
      warnings: z
        .array(z.string())
        .default([])
        .describe('What will not be in the set although it looks as if it belonged'),
    }),
  }),
  quiesce: action('idempotent', 'Brings the data to rest: runs the before-commands, stops what must be stopped', {
    input: z.object({
      all: z.boolean().default(false).describe('Stop all that can write, not only what the user named for backups'),
      databases: z
        .enum(['stop', 'keep'])
        .default('stop')
        .describe('With `all`: whether the servers of databases that are still to be dumped go on'),
    }),
    output: z.object({ summary: z.string(), outage: z.boolean().describe('Whether users notice from now on') }),
  }),
  resume: action('idempotent', 'Starts again what quiesce stopped, however far quiesce had come', {
    input: z.object({
      judge: z.boolean().default(true).describe('Wait until the service works; false for one that did not work before'),
    }),
    output: z.object({ summary: z.string() }),
  }),
  restart: optionalAction(
    'idempotent',
    'Has a service that does not work running again: stops what is left, starts it',
    {
      input: z.object({
        stop: z
          .boolean()
          .default(true)
          .describe('false: only starts what was stopped for it, and tells what did not start instead of failing'),
      }),
      output: z.object({
        restarted: z.boolean().describe('False when a person has stopped it: then it is left as it is'),
        summary: z.string(),
      }),
    },
  ),
  validate: action('read', 'Runs the probes that tell whether the service works', {
    input: z.object({
      timeoutMs: z.number().int().positive().default(60_000).describe('How long the probes may take to turn good'),
      stableForMs: z.number().int().nonnegative().default(0).describe('How long they must then stay good'),
    }),
    output: z.object({ healthy: z.boolean(), summary: z.string(), probes: z.array(ProbeResult) }),
  }),
  dump: optionalAction('idempotent', 'Dumps the databases of the service into files of a directory', {
    input: z.object({
      directory: z.string(),
      level: z.int().min(1).max(19).describe('zstd level'),
      shareable: z
        .boolean()
        .default(false)
        .describe('Whether a small change of the data is to change little of the file'),
      all: z.boolean().default(false).describe('Whether all of the service is at rest when its files are captured'),
      missing: z.boolean().default(false).describe('Only those databases that the captured files would not bring back'),
    }),
    output: z.object({ dumps: z.array(Dump), summary: z.string(), warnings: z.array(z.string()).default([]) }),
  }),
  load: optionalAction('idempotent', 'Puts dumps of databases back, each as a whole', {
    input: z.object({
      directory: z.string(),
      dumps: z.array(Dump),
      release: Release.describe('What is to run afterwards'),
      image: z.boolean().default(true).describe('Put the images back too'),
      registries: Registries,
      check: z.boolean().default(false).describe('Only look whether each dump has a place; changes nothing'),
    }),
    output: Done,
  }),
  tryDumps: optionalAction(
    'idempotent',
    'Loads dumps into servers of its own, which are removed, and looks if all is there',
    {
      input: z.object({
        trial: TrialName,
        directory: z.string().startsWith('/'),
        dumps: z.array(Dump),
      }),
      output: z.object({
        loaded: z.int().nonnegative(),
        skipped: z.array(z.string()).describe('What could not be tried here, and why, in words'),
        summary: z.string(),
      }),
    },
  ),
  endTryDumps: optionalAction('idempotent', 'Removes what the loading of dumps has left, however far it had come', {
    input: z.object({ trial: TrialName }),
    output: Done,
  }),
  versions: optionalAction('read', 'Lists the images that the service runs now, so that newer ones can be looked for', {
    input: z.object({}),
    output: z.object({ images: z.array(RunningImage) }),
  }),
  release: optionalAction('read', 'Describes what runs now, as far as it takes to run it again', {
    input: z.object({}),
    output: z.object({ release: Release, summary: z.string(), warnings: z.array(z.string()).default([]) }),
  }),
  checkUpdate: optionalAction('read', 'Looks for a newer version that the policy allows', {
    input: z.object({
      to: z.string().optional().describe('The version that a person named'),
      policy: VersionPolicy,
    }),
    output: z.object({
      available: z.boolean(),
      from: z.string(),
      to: z.string(),
      targets: z.array(UpdateTarget),
      summary: z.string(),
    }),
  }),
  fetch: optionalAction('idempotent', 'Brings what an update needs onto the host; changes nothing that runs', {
    input: z.object({ targets: z.array(UpdateTarget), policy: VersionPolicy }),
    output: Done,
  }),
  hold: optionalAction('idempotent', 'Keeps the images of a release from being removed', {
    input: z.object({ set: z.string().describe('The restore point that needs them'), release: Release }),
    output: Done,
  }),
  letGo: optionalAction('idempotent', 'Lets go of what was held for all restore points but one', {
    input: z.object({ keep: z.string().describe('The restore point whose images stay') }),
    output: Done,
  }),
  update: optionalAction('idempotent', 'Runs the new version in place of the old one', {
    input: z.object({ to: z.string(), targets: z.array(UpdateTarget), release: Release }),
    output: z.object({ summary: z.string(), version: z.string().nullable() }),
  }),
  ready: optionalAction('read', 'Looks whether a release could run here now, before anything is stopped', {
    input: z.object({ release: Release, data: z.boolean().describe('Whether data is about to be replaced') }),
    output: Done,
  }),
  bring: optionalAction('idempotent', 'Brings what a release runs onto the host; changes nothing that runs', {
    input: z.object({ release: Release, registries: Registries }),
    output: Done,
  }),
  standby: optionalAction('idempotent', 'Stops all of the service, and makes ready for the data of a release', {
    input: z.object({ release: Release }),
    output: Done,
  }),
  revert: optionalAction('idempotent', 'Runs a release again, whatever ran in between, and looks that it does', {
    input: z.object({
      release: Release,
      image: z.boolean().default(true).describe('Put the images back too, and not only start what is there'),
      registries: Registries,
    }),
    output: z.object({ summary: z.string(), version: z.string().nullable() }),
  }),
  trial: optionalAction(
    'idempotent',
    'Starts a copy of the service from unpacked files, shut off, and looks if it works',
    {
      input: z.object({
        trial: TrialName,
        root: z.string().startsWith('/').describe('The directory below which the whole paths lie'),
        trees: z.array(UnpackedTree),
        release: Release.nullable().describe('What ran when the files were captured'),
        dumps: z.array(Dump).default([]).describe('Dumps of databases that the copy is to be filled from'),
        dumpsAt: z.string().startsWith('/').optional().describe('The directory of the dumps'),
        probes: z.boolean().default(true).describe('Ask those of the user’s probes that can be asked of the copy'),
        registries: Registries,
        timeoutMs: z.number().int().positive(),
        stableForMs: z.number().int().nonnegative(),
      }),
      output: z.object({
        healthy: z.boolean(),
        startMs: z.number().int().nonnegative().describe('Until it worked'),
        summary: z.string(),
        warnings: z.array(z.string()).default([]),
      }),
    },
  ),
  endTrial: optionalAction('idempotent', 'Removes all that a trial has made, however far it had come', {
    input: z.object({ trial: TrialName }),
    output: Done,
  }),
});
