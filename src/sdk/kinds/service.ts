/** The service kind: a program that a homelab runs, with data worth keeping. */
import { z } from 'zod';
import { action, kind, optionalAction } from '#sdk/contract.ts';
import { ProbeResult } from '#sdk/probes.ts';

/** One tree to put into a backup set. */
export const Source = z.object({
  path: z.string().startsWith('/').describe('Absolute path of a file or directory'),
  exclude: z.array(z.string()).default([]).describe('Globs, relative to the path, of what is left out'),
});
export type Source = z.output<typeof Source>;

/** One image that the service runs now. */
export const RunningImage = z.object({
  name: z.string().min(1).describe('The part of the service that runs it, such as a Compose service'),
  reference: z.string().min(1).describe('The image as it was written: nginx:1.2'),
  digest: z.string().nullable().describe('Digest under which its registry knows it; null when it came from none'),
  imageId: z.string().nullable().describe("The engine's own id of it"),
  platform: z.string().nullable().describe('os/architecture[/variant] of it: linux/arm64/v8'),
});
export type RunningImage = z.output<typeof RunningImage>;

export const service = kind('service', 'A program with data worth keeping', {
  inspect: action('read', 'Tells the version and whether the service is up', {
    input: z.object({}),
    output: z.object({ state: z.enum(['up', 'down', 'unknown']), version: z.string().optional(), detail: z.string() }),
  }),
  sources: action('read', 'Lists what belongs into a backup set', {
    input: z.object({}),
    output: z.object({
      sources: z.array(Source).min(1),
      warnings: z
        .array(z.string())
        .default([])
        .describe('What will not be in the set although it looks as if it belonged'),
    }),
  }),
  quiesce: action('idempotent', 'Brings the data to rest: runs the before-commands, stops what must be stopped', {
    input: z.object({}),
    output: z.object({ summary: z.string(), outage: z.boolean().describe('Whether users notice from now on') }),
  }),
  resume: action('idempotent', 'Starts again what quiesce stopped, however far quiesce had come', {
    input: z.object({}),
    output: z.object({ summary: z.string() }),
  }),
  validate: action('read', 'Runs the probes that tell whether the service works', {
    input: z.object({
      timeoutMs: z.number().int().positive().default(60_000).describe('How long the probes may take to turn good'),
      stableForMs: z.number().int().nonnegative().default(0).describe('How long they must then stay good'),
    }),
    output: z.object({ healthy: z.boolean(), summary: z.string(), probes: z.array(ProbeResult) }),
  }),
  versions: optionalAction('read', 'Lists the images that the service runs now, so that newer ones can be looked for', {
    input: z.object({}),
    output: z.object({ images: z.array(RunningImage) }),
  }),
});
