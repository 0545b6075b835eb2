/** Backups of whole guests, made and kept by the platform that runs them: what workflows ask for, and who can do it. */
import { AutopilotError } from '#kernel/errors.ts';
import type { PlanContext, StepNode } from '#sdk/workflow.ts';

/** What the configuration says of them. */
export interface GuestBackupRules {
  /** Where the platform keeps them; null: as the hypervisor is configured. */
  storage: string | null;
  /** How many of ours stay. */
  keepLast: number;
}

type Guest = NonNullable<PlanContext['guest']>;

/** The actions that a plugin must have before a configuration may ask for such backups. */
export const GUEST_BACKUP_ACTIONS = ['backup', 'findBackup', 'retainBackups', 'restoreBackup'] as const;

/**
 * After the service's own set, while it runs: the platform takes a snapshot of its own for it. Nothing when it is not asked for.
 * @throws AutopilotError HA_USAGE when the hypervisor keeps no backups.
 */
export function backUpGuest(context: PlanContext): StepNode[] {
  const { guest, backup } = context;
  if (backup.guest === null || guest === null) return [];
  const { hypervisor, id } = guestWithBackups(context);
  return [
    keepGuest(context, { key: 'backup-guest', title: `backup of ${id} on ${hypervisor.name}` }),
    hypervisor.do(
      'retainBackups',
      { guest: id, keep: backup.guest.keepLast },
      { key: 'retention-guest', title: `retention of the backups of ${id}` },
    ),
  ];
}

export function keepGuest(context: PlanContext, names: { key: string; title: string }): StepNode {
  const { backup, run } = context;
  const { hypervisor, id } = guestWithBackups(context);
  const storage = backup.guest?.storage ?? null;
  return hypervisor.do('backup', { guest: id, run: run.id, ...(storage === null ? {} : { storage }) }, names);
}

/** @throws AutopilotError HA_USAGE when the service names no guest, or one whose hypervisor keeps no backups. */
export function guestWithBackups({ service, guest }: PlanContext): Guest {
  if (guest === null) {
    throw new AutopilotError('HA_USAGE', `${service.name} names no guest that it runs in`, {
      next: 'write  guest: { hypervisor: NAME, id: ID }  to the service',
    });
  }
  const { hypervisor } = guest;
  if (GUEST_BACKUP_ACTIONS.every((action) => hypervisor.can(action))) return guest;
  throw new AutopilotError('HA_USAGE', `${hypervisor.name} (${hypervisor.ref.type}) keeps no backups of its guests`, {
    next: 'see what each plugin can do with  homelab-autopilot plugins list',
  });
}
