/** Backups of whole guests, made and kept by the platform that runs them: what workflows ask for, and who can do it. */
import { AutopilotError } from '#kernel/errors.ts';
import type { PlanNode } from '#sdk/plan.ts';
import { outputOf, type PlanContext, persistent, type StepNode, sequence, tidied } from '#sdk/workflow.ts';

/** What the configuration says of them. */
export interface GuestBackupRules {
  /** Where the platform keeps them; null: as the hypervisor is configured. */
  storage: string | null;
  /** How many of ours stay. */
  keepLast: number;
}

/** How such a backup is tried out: as a guest of its own. */
export interface GuestDrillRules {
  /** The id of the copy. */
  spare: string;
  /** Where its disks go; null: where those of the guest were. */
  storage: string | null;
  /** A pool of the platform that it is put into; null: none. */
  pool: string | null;
}

type Guest = NonNullable<PlanContext['guest']>;

/** The actions that a plugin must have before a configuration may ask for such backups. */
export const GUEST_BACKUP_ACTIONS = [
  'backup',
  'findBackup',
  'retainBackups',
  'canRestoreBackup',
  'restoreBackup',
] as const;

/** Those for which it may ask that they are tried out. */
export const GUEST_DRILL_ACTIONS = ['findBackup', 'tryBackup', 'endTry'] as const;

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

/** The newest backup becomes a guest of its own, is seen to start, and is removed. Nothing when it is not asked for. */
export function drillGuest(context: PlanContext): PlanNode[] {
  const { guest, backup, service, archive, change, run } = context;
  const { guest: rules, maxBytes, timeoutMs } = backup.drill;
  if (rules === null || guest === null) return [];
  const { hypervisor, id } = guest;
  const copy = { guest: id, spare: rules.spare, trial: run.restorePoint };
  const tried = <F extends 'createdAt' | 'restoreMs' | 'startMs' | 'answered'>(field: F) =>
    outputOf(hypervisor, 'tryBackup', 'try-guest', field);
  const found = outputOf(hypervisor, 'findBackup', 'find-guest', 'id');
  const places = {
    ...(rules.storage === null ? {} : { storage: rules.storage }),
    ...(rules.pool === null ? {} : { pool: rules.pool }),
  };
  const limits = { maxBytes, startMs: change.gate.timeoutMs, stableMs: change.gate.stableForMs };
  return [
    // As long as none is found nothing is made, and nothing must be removed.
    hypervisor.do('findBackup', { guest: id }, { key: 'find-guest', title: `newest backup of ${id}` }),
    tidied(
      sequence(
        hypervisor.do(
          'tryBackup',
          { ...copy, backup: found, ...places, ...limits },
          { key: 'try-guest', title: `start it as ${rules.spare}`, timeoutMs },
        ),
        archive.do(
          'attest',
          {
            service: service.name,
            of: 'guest',
            set: found,
            destination: hypervisor.name,
            createdAt: tried('createdAt'),
            unpackMs: tried('restoreMs'),
            startMs: tried('startMs'),
            works: tried('answered'),
          },
          { key: 'proven-guest', title: 'guest proven' },
        ),
      ),
      persistent(hypervisor.do('endTry', copy, { key: 'end-guest', title: `remove ${rules.spare}` })),
    ),
  ];
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
