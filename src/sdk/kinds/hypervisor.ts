/** The hypervisor kind: what runs guests, virtual machines or containers. */
import { z } from 'zod';
import { action, kind } from '#sdk/contract.ts';

/** Names come from the run id, so that a second execution finds what the first made. */
export const SnapshotLabel = z.string().regex(/^[a-z][a-z0-9-]{2,39}$/, 'not a snapshot label');

export const GuestState = z.enum(['running', 'stopped', 'paused', 'changing', 'unknown']);

export const Guest = z.object({
  id: z.string().min(1),
  name: z.string(),
  type: z.enum(['vm', 'container']),
  state: GuestState,
});
export type Guest = z.output<typeof Guest>;

export const Snapshot = z.object({
  label: z.string(),
  createdAt: z.iso.datetime().nullable(),
  covers: z.enum(['disk', 'disk-and-memory', 'volumes', 'partial']),
  /** False while it is being made, or when making it was cut short. */
  complete: z.boolean(),
});
export type Snapshot = z.output<typeof Snapshot>;

const OnGuest = z.object({ guest: z.string().min(1) });
const OnSnapshot = OnGuest.extend({ label: SnapshotLabel });

export const hypervisor = kind('hypervisor', 'What runs guests, virtual machines or containers', {
  inspect: action('read', 'Tells the version, and what it can and may do here', {
    input: z.object({}),
    output: z.object({ version: z.string(), capabilities: z.array(z.string()), warnings: z.array(z.string()) }),
  }),
  listGuests: action('read', 'Lists the guests with their states', {
    input: z.object({}),
    output: z.object({ guests: z.array(Guest) }),
  }),
  canSnapshot: action('read', 'Tells whether a guest can be snapshotted now, and if not, why', {
    input: OnGuest,
    output: z.object({ possible: z.boolean(), reason: z.string() }),
  }),
  ensureState: action('idempotent', 'Starts a guest, or stops it: gently first, by force when told and time is up', {
    input: OnGuest.extend({
      state: z.enum(['running', 'stopped']),
      graceMs: z.number().int().nonnegative().default(60_000),
      force: z.boolean().default(false),
    }),
    output: z.object({ changed: z.boolean() }),
  }),
  listSnapshots: action('read', 'Lists the snapshots of a guest, oldest first', {
    input: OnGuest,
    output: z.object({ snapshots: z.array(Snapshot) }),
  }),
  snapshot: action('idempotent', 'Makes the snapshot with this label, or finds it made; never adopts a stranger’s', {
    input: OnSnapshot,
    output: z.object({ snapshot: Snapshot }),
  }),
  restoreSnapshot: action('idempotent', 'Brings the guest back to the snapshot with this label', {
    input: OnSnapshot.extend({ state: z.enum(['running', 'stopped']).default('running') }),
    output: z.object({}),
  }),
  deleteSnapshot: action('idempotent', 'Removes the snapshot with this label, if it is there and ours', {
    input: OnSnapshot,
    output: z.object({ removed: z.boolean() }),
  }),
});
