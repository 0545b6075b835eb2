/** The hypervisor kind: what runs guests, virtual machines or containers. */
import { z } from 'zod';
import { action, kind, optionalAction } from '#sdk/contract.ts';
import { GuestId, SnapshotLabel } from '#sdk/guests.ts';

export const GuestState = z.enum(['running', 'stopped', 'paused', 'changing', 'unknown']);
export type GuestState = z.output<typeof GuestState>;

export const Guest = z.object({
  id: z.string().min(1).describe('As users write it under `guest.id`'),
  name: z.string(),
  type: z.enum(['vm', 'container']),
  state: GuestState,
  node: z.string().nullable().default(null).describe('The machine of a cluster that it is on; null without a cluster'),
  lock: z.string().nullable().default(null).describe('What holds it now, in the words of the platform; null when free'),
});
export type Guest = z.output<typeof Guest>;

/** The parts of a guest that a snapshot brings back. An empty list means that it brings back nothing. */
export const Covered = z.array(z.enum(['disk', 'memory', 'volumes', 'image', 'configuration']));

export const Snapshot = z.object({
  label: z.string(),
  createdAt: z.iso.datetime().nullable(),
  run: z.string().nullable().describe('The run that made it; null for one that is not ours'),
  covers: Covered,
  leavesOut: z.array(z.string()).default([]).describe('What stays as it is, in words: a raw disk, a bind mount'),
  complete: z.boolean().describe('False while it is being made, or when making it was cut short'),
});
export type Snapshot = z.output<typeof Snapshot>;

/** What a plugin can do with a platform, here and now. What the platform has not at all is left out. */
export const Capability = z.object({
  name: z.enum(['list', 'power', 'snapshot', 'restore', 'backup', 'resources']),
  possible: z.boolean(),
  reason: z.string().describe('Why not: the right, licence, version or tool that is missing. Empty when possible'),
});
export type Capability = z.output<typeof Capability>;

export const Storage = z.object({
  name: z.string(),
  holds: z.array(z.enum(['disks', 'snapshots', 'backups'])),
  totalBytes: z.number().int().nonnegative().nullable(),
  freeBytes: z.number().int().nonnegative().nullable().describe('Null when the platform does not tell'),
});
export type Storage = z.output<typeof Storage>;

/** A backup that the platform itself made and keeps. */
export const GuestBackup = z.object({
  id: z.string().min(1).describe("The platform's own name of it"),
  guest: z.string(),
  storage: z.string(),
  createdAt: z.iso.datetime().nullable(),
  sizeBytes: z.number().int().nonnegative().nullable(),
  run: z.string().nullable().describe('The run that made it; null for one that is not ours'),
  verified: z.boolean().nullable().describe('What the platform says of a check of it; null when there was none'),
});
export type GuestBackup = z.output<typeof GuestBackup>;

const OnGuest = z.object({ guest: GuestId });

/** A snapshot is ours when it has the label, and its note says that this run made it: see `#sdk/guests.ts`. */
const OnSnapshot = OnGuest.extend({ label: SnapshotLabel, run: z.string().min(1) });

/** A copy of a guest under another id, which nothing else has. */
const OnTrial = OnGuest.extend({
  spare: GuestId.describe('The id of the copy'),
  trial: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'not the id of a trial'),
});

/** `asBefore`: as the guest was when the action began. */
const StateAfter = z.enum(['running', 'stopped', 'asBefore']);

/**
 * What holds for every plugin of this kind:
 * - A guest that is not there is HA_NOT_FOUND, a stranger's snapshot HA_CONFLICT, a missing right, a lock or a feature
 *   that is not there HA_REMOTE_REFUSED, and a platform that does not answer HA_REMOTE_UNREACHABLE. The message names what
 *   is missing, `next` what to do about it.
 * - Look, act, look again. What the platform answers to a change proves nothing by itself: that a guest is stopped, or a
 *   snapshot there and whole, is read anew. "It is in that state already" is a success only after that look.
 * - A connection that is lost after a change was asked for is an unknown outcome. The plugin looks again for as long as
 *   it can, and else fails with HA_REMOTE_UNREACHABLE, which says so; the next attempt begins by looking.
 * - Names and ids come from outside. They are checked before they become a word of a command or a part of a path.
 */
export const hypervisor = kind('hypervisor', 'What runs guests, virtual machines or containers', {
  inspect: action('read', 'Tells the version, and what can be done here with the rights that it was given', {
    input: z.object({}),
    output: z.object({ version: z.string(), capabilities: z.array(Capability), warnings: z.array(z.string()) }),
  }),
  resources: action('read', 'Tells how much storage and memory there is, and how much of it is free', {
    input: z.object({}),
    output: z.object({
      storages: z.array(Storage),
      memory: z.object({
        totalBytes: z.number().int().nonnegative().nullable(),
        freeBytes: z.number().int().nonnegative().nullable(),
      }),
    }),
  }),
  listGuests: action('read', 'Lists the guests with their states', {
    input: z.object({}),
    output: z.object({ guests: z.array(Guest) }),
  }),
  findGuest: action('read', 'Tells of one guest what it is, and in which state', {
    input: OnGuest,
    output: z.object({ guest: Guest }),
  }),
  canSnapshot: action(
    'read',
    'Tells whether a guest can be snapshotted now, and brought back from it, and if not, why',
    {
      input: OnGuest,
      output: z.object({
        possible: z.boolean(),
        summary: z.string().describe('What the snapshot would cover, or why there can be none and what to do about it'),
        covers: Covered,
        leavesOut: z.array(z.string()).default([]),
        outage: z.boolean().describe('Whether the guest stops while its snapshot is made'),
      }),
    },
  ),
  ensureState: action('idempotent', 'Starts a guest, or stops it: gently first, by force when told and time is up', {
    input: OnGuest.extend({
      state: z.enum(['running', 'stopped']),
      graceMs: z.number().int().nonnegative().default(60_000).describe('How long it may take to stop by itself'),
      force: z
        .boolean()
        .default(false)
        .describe('Switch it off when the time is up; otherwise that is HA_CHECK_FAILED, and it goes on stopping'),
    }),
    output: z.object({ changed: z.boolean(), forced: z.boolean().default(false) }),
  }),
  listSnapshots: action('read', 'Lists the snapshots of a guest, oldest first, ours and those of others', {
    input: OnGuest,
    output: z.object({ snapshots: z.array(Snapshot) }),
  }),
  snapshot: action('idempotent', 'Makes the snapshot with this label, or finds it made; never adopts a stranger’s', {
    input: OnSnapshot.extend({
      memory: z.boolean().default(false).describe('Keep the memory too, where that is possible'),
    }),
    output: z.object({ snapshot: Snapshot, summary: z.string() }),
  }),
  restoreSnapshot: action('idempotent', 'Brings the guest back to the snapshot with this label', {
    input: OnSnapshot.extend({ state: StateAfter.default('running').describe('How the guest is to be afterwards') }),
    output: z.object({ summary: z.string() }),
  }),
  deleteSnapshot: action('idempotent', 'Removes the snapshot with this label, whole or not, if it is there and ours', {
    input: OnSnapshot,
    output: z.object({ removed: z.boolean() }),
  }),
  backup: optionalAction('idempotent', 'Makes a backup with the platform’s own means, or finds that this run made it', {
    input: OnGuest.extend({
      run: z.string().min(1),
      storage: z.string().optional().describe('Where the platform is to keep it. Default: as the plugin is configured'),
    }),
    output: z.object({ backup: GuestBackup, id: z.string().describe('Of the backup'), summary: z.string() }),
  }),
  listBackups: optionalAction('read', 'Lists the backups that the platform keeps, oldest first', {
    input: z.object({ guest: GuestId.optional() }),
    output: z.object({ backups: z.array(GuestBackup) }),
  }),
  findBackup: optionalAction(
    'read',
    'Finds a backup of a guest that the platform keeps: that of a name, or the newest',
    {
      input: OnGuest.extend({
        backup: z
          .string()
          .min(1)
          .optional()
          .describe('Left out: the newest one that the platform does not call damaged'),
      }),
      output: z.object({ id: z.string(), createdAt: z.iso.datetime().nullable(), summary: z.string() }),
    },
  ),
  retainBackups: optionalAction(
    'idempotent',
    'Removes older backups of a guest that runs of ours made; none that is protected on the platform',
    {
      input: OnGuest.extend({
        keep: z.number().int().positive().describe('How many of ours stay, damaged ones aside'),
      }),
      output: z.object({ removed: z.array(z.string()), summary: z.string() }),
    },
  ),
  canRestoreBackup: optionalAction(
    'read',
    'Tells whether a guest can be made from a backup again with nothing of it lost, and if not, why',
    {
      input: OnGuest.extend({ backup: z.string().min(1) }),
      output: z.object({ possible: z.boolean(), summary: z.string() }),
    },
  ),
  restoreBackup: optionalAction('idempotent', 'Replaces a guest, or one that is gone, by what a backup of it holds', {
    input: OnGuest.extend({ backup: z.string().min(1), state: StateAfter.default('asBefore') }),
    output: z.object({ summary: z.string() }),
  }),
  tryBackup: optionalAction(
    'idempotent',
    'Makes a copy of a guest from a backup, without any network, sees it start, and leaves it to be removed',
    {
      input: OnTrial.extend({
        backup: z.string().min(1),
        storage: z.string().optional().describe('Where its disks go. Default: where those of the guest were'),
        pool: z.string().optional().describe('A pool of the platform that the copy is put into, for the rights on it'),
        maxBytes: z.number().int().positive().describe('A guest with larger disks is refused before anything is made'),
        startMs: z.number().int().positive().describe('How long it may take to start'),
        stableMs: z.number().int().nonnegative().describe('How long it must then go on'),
      }),
      output: z.object({
        createdAt: z.iso.datetime().describe('Of the backup'),
        restoreMs: z.number().int().nonnegative(),
        startMs: z.number().int().nonnegative().describe('Until it ran, and answered where it is to answer'),
        answered: z
          .boolean()
          .describe('Whether something in it answered, as in the guest itself; else it only went on'),
        leftOut: z.array(z.string()).describe('What of the guest the copy was without besides its network, in words'),
        summary: z.string(),
      }),
    },
  ),
  endTry: optionalAction('idempotent', 'Removes the copy of a trial, if it is there and this trial made it', {
    input: OnTrial,
    output: z.object({ removed: z.boolean() }),
  }),
  deleteBackup: optionalAction('idempotent', 'Removes a backup of the platform, if it is there and this run made it', {
    input: z.object({ backup: z.string().min(1), run: z.string().min(1) }),
    output: z.object({ removed: z.boolean() }),
  }),
});
