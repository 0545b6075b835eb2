/** Backups that are encrypted before they leave the host: for whom, what opens them, and how plans speak of it. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { SecretRef } from '#sdk/secret.ts';
import type { PlanContext } from '#sdk/workflow.ts';

export const Encryption = z.object({
  recipients: z.array(z.string()).describe('For whom new sets are encrypted; empty: they are not'),
  identity: SecretRef.nullable().describe('What opens sets again; null when the configuration names none'),
});
export type Encryption = z.output<typeof Encryption>;

/** What the steps that make and read sets are told. Nothing where nobody speaks of encryption. */
export function encryptionOf({ backup }: Pick<PlanContext, 'backup'>): { encryption?: Encryption } {
  const { encryption } = backup;
  return encryption.recipients.length === 0 && encryption.identity === null ? {} : { encryption };
}

/**
 * For runs whose way back is a set that they make themselves: it would be locked before their eyes. Whether the identity
 * is really there, and the right one, is looked at on the host before anything is changed.
 * @throws AutopilotError HA_USAGE
 */
export function requireIdentity({ backup, service }: PlanContext, workflow: string): void {
  const { recipients, identity } = backup.encryption;
  if (recipients.length === 0 || identity !== null) return;
  throw new AutopilotError(
    'HA_USAGE',
    `${workflow} of ${service.name} needs a way back, and what it would encrypt for that could not be opened again: no identity is configured`,
    { next: 'put the identity on the host of the service, and name it:  backup.encryption.identity_file' },
  );
}
