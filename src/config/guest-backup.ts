/** The `guest:` of backups: whether the platform backs the whole guest up too, with its own means. */
import { z } from 'zod';
import { type GuestSurroundings, type NamedGuest, type Platform, possibleOnGuest } from '#config/guest-platform.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { GUEST_BACKUP_ACTIONS, type GuestBackupRules } from '#sdk/guest-backup.ts';

const Rules = z.strictObject({
  storage: z
    .string()
    .min(1)
    .optional()
    .describe('Where the platform keeps them, as it names it. Default: as the hypervisor is configured'),
  keep_last: z.int().min(1).default(7).describe('How many backups of the guest that runs of ours made are kept'),
});

export function guestBackupField() {
  return z
    .union([z.boolean(), Rules])
    .optional()
    .meta({ expects: '`true`, `false`, or a map' } satisfies FieldNotes)
    .describe('Whether the hypervisor backs up the whole guest too, with its own means: Proxmox VE. Default: false');
}

export function compileGuestBackup(written: z.output<ReturnType<typeof guestBackupField>>): GuestBackupRules | null {
  if (written === undefined || written === false) return null;
  const { storage = null, keep_last: keepLast } = written === true ? Rules.parse({}) : written;
  return { storage, keepLast };
}

/** What is said for all services holds for those that can have it; what a service says itself must be possible. */
export function possibleGuestBackup(
  rules: GuestBackupRules | null,
  guest: NamedGuest | undefined,
  around: GuestSurroundings,
): GuestBackupRules | null {
  return possibleOnGuest(rules, guest, { ...around, path: ['guest'], problemOf });
}

function problemOf(
  { storage }: GuestBackupRules,
  { hypervisor }: NamedGuest,
  { plugin, config }: Platform,
): string | undefined {
  if (GUEST_BACKUP_ACTIONS.some((action) => plugin.actions[action] === undefined)) {
    return `"${hypervisor}" keeps no backups of its guests: hypervisors of type ${plugin.id} have none`;
  }
  const lacking = storage === null ? plugin.lacks?.['backup']?.(plugin.config.safeParse(config).data) : undefined;
  return lacking === undefined ? undefined : `"${hypervisor}" cannot keep it: ${lacking}`;
}
