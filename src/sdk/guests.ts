/** Names of guests and snapshots: which are let through, and which snapshot is ours. */
import { z } from 'zod';

const GUEST_ID = /^(?!-)(?!\.{1,2}$)(?!\s)[^/\\\p{C}]{1,128}(?<!\s)$/u;

/** The id or name of a guest: nothing that a command could take for an option, a path or a second line. */
export const GuestId = z
  .string()
  .regex(
    GUEST_ID,
    'not the id or name of a guest: at most 128 characters, none of them a slash, backslash or control character, no "-" or space at its beginning',
  );

/** It comes from the run's id, so that a second execution finds what the first made. Every platform takes such a name. */
export const SnapshotLabel = z.string().regex(/^[a-z][a-z0-9-]{2,39}$/, 'not a snapshot label');

const NOTE = /^homelab-autopilot run=([A-Za-z0-9_-]{1,64}) label=([a-z][a-z0-9-]{2,39})(?:$|\s)/;

/** What stands in the description of a snapshot of ours: who made it, in a form that is found again. */
export function snapshotNote({ run, label }: { run: string; label: string }): string {
  return `homelab-autopilot run=${run} label=${label}`;
}

/** The run that made a snapshot of this name, as its description says; null for a stranger's. */
export function runOfNote(note: string, label: string): string | null {
  const [, run, noted] = NOTE.exec(note) ?? [];
  return run !== undefined && noted === label ? run : null;
}

const TRIAL_NOTE = /^homelab-autopilot trial=([A-Za-z0-9_-]{1,64}) of=(.{1,128}?)(?:$|\s)/;

/** What stands in the description of a copy that is tried out: it is removed when the trial ends, and only that trial may. */
export function trialNote({ trial, guest }: { trial: string; guest: string }): string {
  return `homelab-autopilot trial=${trial} of=${guest}`;
}

/** The trial that a copy is of, as its description says; null for what is no copy of ours. */
export function trialOfNote(note: string): string | null {
  return TRIAL_NOTE.exec(note)?.[1] ?? null;
}
