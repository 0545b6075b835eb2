/** The `guest:` of backups: whether the platform backs the whole guest up too, with its own means. */
import { z } from 'zod';
import type { FieldNotes } from '#config/introspect.ts';
import { addError } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { HypervisorConfig } from '#config/types.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
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

interface Surroundings {
  catalog: PluginCatalog;
  /** Those that are right, by name. */
  hypervisorsByName: ReadonlyMap<string, HypervisorConfig>;
}

/** What is said for all services holds for those that can have it; what a service says itself must be possible. */
export function possibleGuestBackup(
  rules: GuestBackupRules | null,
  guest: { hypervisor: string } | undefined,
  around: Surroundings & { section: Section },
): GuestBackupRules | null {
  if (rules === null) return null;
  const problem = problemOf(rules, guest, around);
  if (problem === undefined) return rules;
  const { section } = around;
  const { at, found } = locate(section.node, ['guest']);
  if (found) addError(section.report, { at, path: fullPath({ section, path: ['guest'] }), message: problem });
  return null;
}

function problemOf(
  { storage }: GuestBackupRules,
  guest: { hypervisor: string } | undefined,
  { catalog, hypervisorsByName }: Surroundings,
): string | undefined {
  if (guest === undefined) return 'the service names no guest: write  guest: { hypervisor: NAME, id: ID }  to it';
  const found = hypervisorsByName.get(guest.hypervisor);
  const plugin = found === undefined ? undefined : catalog.find('hypervisor', found.type);
  // A hypervisor that is unknown, or wrong, is told where it is.
  if (found === undefined || plugin === undefined) return undefined;
  if (GUEST_BACKUP_ACTIONS.some((action) => plugin.actions[action] === undefined)) {
    return `"${guest.hypervisor}" keeps no backups of its guests: hypervisors of type ${plugin.id} have none`;
  }
  const lacking = storage === null ? plugin.lacks?.['backup']?.(plugin.config.safeParse(found.config).data) : undefined;
  return lacking === undefined ? undefined : `"${guest.hypervisor}" cannot keep it: ${lacking}`;
}
