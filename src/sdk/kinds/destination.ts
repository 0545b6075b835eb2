/** The destination kind: a place that keeps backup sets. */
import { z } from 'zod';
import { action, kind, optionalAction } from '#sdk/contract.ts';

export const SET_ID = z.string().regex(/^[a-z][a-z0-9-]{3,80}$/, 'not a backup set id');

/** Why a set was made: as a backup, or to keep what a rollback was about to replace. */
export const SetPurpose = z.enum(['backup', 'before-rollback']);
export type SetPurpose = z.output<typeof SetPurpose>;

/** What a destination tells of a set without reading its data. */
export const SetSummary = z.object({
  id: SET_ID,
  service: z.string(),
  host: z.string(),
  run: z.string(),
  createdAt: z.iso.datetime(),
  sizeBytes: z.number().int().nonnegative().describe('All files of the set together'),
  contentBytes: z.number().int().nonnegative().describe('Content of all files before compression'),
  files: z.number().int().nonnegative().describe('Files, links and the like; directories are not counted'),
  verifiedAt: z.iso.datetime().nullable().describe('When this copy was last read back and found whole'),
  pinned: z.boolean(),
  purpose: SetPurpose.default('backup'),
});
export type SetSummary = z.output<typeof SetSummary>;

/** By which proof a copy counts as verified. */
export const VerifiedHow = z
  .enum(['read back', 'server checksum'])
  .describe('Every byte came back and was compared, or the server told the SHA-256 of what it has');

export const destination = kind('destination', 'A place that keeps backup sets', {
  check: action('read', 'Tells whether the place is there, writable, and how much room it has', {
    input: z.object({ sources: z.array(z.string()).default([]).describe('Trees that the place must not lie in') }),
    output: z.object({ freeBytes: z.number().int().nonnegative().nullable(), detail: z.string() }),
  }),
  store: action('idempotent', 'Copies a whole set there; until it is whole it is not listed', {
    input: z.object({ service: z.string(), set: SET_ID, directory: z.string().describe('Where the set lies here') }),
    output: z.object({ bytes: z.number().int().nonnegative() }),
  }),
  list: action('read', 'Lists the whole sets, oldest first', {
    input: z.object({ service: z.string().optional() }),
    output: z.object({
      sets: z.array(SetSummary),
      unreadable: z.array(z.object({ path: z.string(), reason: z.string() })),
    }),
  }),
  open: action('read', 'Makes the files of a set readable in a local directory', {
    input: z.object({
      service: z.string(),
      set: SET_ID,
      parts: z.array(z.string()).optional().describe('File names wanted; all when left out'),
    }),
    output: z.object({
      directory: z.string(),
      temporary: z.boolean().describe('Whether the caller removes the directory when it is done'),
    }),
  }),
  verify: optionalAction('read', 'Compares a copy with its checksums, where a local copy would only be in the way', {
    input: z.object({ service: z.string(), set: SET_ID }),
    output: z.object({
      bytes: z.number().int().nonnegative(),
      how: VerifiedHow,
      problems: z.array(z.object({ part: z.string(), reason: z.string() })),
    }),
  }),
  annotate: action('idempotent', 'Records on the copy itself that it was verified, or is pinned', {
    input: z.object({
      service: z.string(),
      set: SET_ID,
      verifiedAt: z.iso.datetime().optional(),
      pinned: z.boolean().optional(),
    }),
    output: z.object({}),
  }),
  remove: action('idempotent', 'Removes one set of ours, or what a cut-off copy of it left', {
    input: z.object({ service: z.string(), set: SET_ID }),
    output: z.object({ removed: z.boolean() }),
  }),
});
