/** The `guest:` of drills: whether a backup of the whole guest is tried out too, and under which id. */
import { z } from 'zod';
import type { FieldNotes } from '#config/introspect.ts';
import { addError } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { HypervisorConfig } from '#config/types.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
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
  guest: { hypervisor: string; id: string | number } | undefined,
  {
    catalog,
    hypervisorsByName,
    section,
  }: { catalog: PluginCatalog; hypervisorsByName: ReadonlyMap<string, HypervisorConfig>; section: Section },
): GuestDrillRules | null {
  if (rules === null) return null;
  const found = guest === undefined ? undefined : hypervisorsByName.get(guest.hypervisor);
  const plugin = found === undefined ? undefined : catalog.find('hypervisor', found.type);
  const problem = problemOf(rules, guest, plugin);
  if (problem === undefined) return rules;
  const path = ['drill', 'guest'];
  const { at, found: written } = locate(section.node, path);
  if (written) addError(section.report, { at, path: fullPath({ section, path }), message: problem });
  return null;
}

function problemOf(
  { spare }: GuestDrillRules,
  guest: { hypervisor: string; id: string | number } | undefined,
  plugin: ReturnType<PluginCatalog['find']>,
): string | undefined {
  if (guest === undefined) return 'the service names no guest: write  guest: { hypervisor: NAME, id: ID }  to it';
  if (spare === String(guest.id)) return `${spare} is the guest itself; name an id that no guest has`;
  // A hypervisor that is unknown, or wrong, is told where it is.
  if (plugin === undefined || GUEST_DRILL_ACTIONS.every((action) => plugin.actions[action] !== undefined))
    return undefined;
  return `"${guest.hypervisor}" cannot try backups of its guests: hypervisors of type ${plugin.id} have none`;
}
