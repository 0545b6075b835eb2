/** The `guest:` of drills: whether a backup of the whole guest is tried out too, and under which id. */
import { z } from 'zod';
import { type GuestSurroundings, type NamedGuest, type Platform, possibleOnGuest } from '#config/guest-platform.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { GUEST_DRILL_ACTIONS, type GuestDrillRules } from '#sdk/guest-backup.ts';
import { GuestId } from '#sdk/guests.ts';

const Rules = z.strictObject({
  spare: z
    .union([GuestId, z.int()])
    .transform(String)
    .describe('The id of the copy, which nothing else may have: it is made for the drill and removed after it'),
  storage: z
    .string()
    .min(1)
    .optional()
    .describe('Where its disks go, as the platform names it. Default: where those of the guest were'),
  pool: z.string().min(1).optional().describe('A pool of the platform that the copy is put into, for the rights on it'),
});

export function guestDrillField() {
  return z
    .union([z.literal(false), Rules])
    .optional()
    .meta({ expects: '`false`, or a map with `spare:`' } satisfies FieldNotes)
    .describe(
      'Whether the newest backup of the whole guest is tried out too, as a copy without any network: Proxmox VE',
    );
}

export function compileGuestDrill(written: z.output<ReturnType<typeof guestDrillField>>): GuestDrillRules | null {
  if (written === undefined || written === false) return null;
  const { spare, storage = null, pool = null } = written;
  return { spare, storage, pool };
}

/** What is said for all services holds for those that can have it; what a service says itself must be possible. */
export function possibleGuestDrill(
  rules: GuestDrillRules | null,
  guest: NamedGuest | undefined,
  around: GuestSurroundings,
): GuestDrillRules | null {
  return possibleOnGuest(rules, guest, { ...around, path: ['drill', 'guest'], problemOf });
}

function problemOf(
  { spare }: GuestDrillRules,
  { hypervisor, id }: NamedGuest,
  { plugin }: Platform,
): string | undefined {
  if (spare === String(id)) return `${spare} is the guest itself; name an id that no guest has`;
  if (GUEST_DRILL_ACTIONS.every((action) => plugin.actions[action] !== undefined)) return undefined;
  return `"${hypervisor}" cannot try backups of its guests: hypervisors of type ${plugin.id} have none`;
}
