/** Whether what is encrypted here can be opened here: by a trial, without a look at any set. */
import { withTools } from '#app/local-tools.ts';
import type { Settings } from '#app/settings.ts';
import { identityFor, isOutOfReach, shortRecipient } from '#archive/encryption/identity.ts';
import { finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import type { ServiceConfig } from '#config/types.ts';
import { errorFacts } from '#kernel/errors.ts';
import type { Encryption } from '#sdk/encryption.ts';

/** Services that say the same are one finding. */
interface Group {
  services: string[];
  encryption: Encryption;
}

export async function encryptionFindings(settings: Settings, signal: AbortSignal): Promise<Finding[]> {
  const { services, global } = settings.config;
  const groups = groupsOf(services.filter(({ host }) => host === global.host));
  return await Promise.all(groups.map((group) => look(settings, group, signal)));
}

function groupsOf(services: readonly ServiceConfig[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { name, backup } of services) {
    if (backup === null || backup.encryption.recipients.length === 0) continue;
    const { recipients, identity } = backup.encryption;
    // Where a key was written, in the defaults or in the service, makes no difference.
    const key = JSON.stringify([recipients, identity?.$secret.source ?? null]);
    const group = groups.get(key) ?? { services: [], encryption: backup.encryption };
    group.services.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

async function look(settings: Settings, { services, encryption }: Group, signal: AbortSignal): Promise<Finding> {
  const check = `encryption ${services[0] ?? ''}${services.length > 1 ? ` and ${services.length - 1} more` : ''}`;
  return await finding(check, async () => {
    try {
      const work = { name: 'doctor', signal, progress: () => undefined };
      const locked = { what: 'the next set', recipients: encryption.recipients };
      await withTools(settings, work, async (tools) => {
        // Without age there is no backup either, whatever is known of the identity.
        await tools.exec(['age', '--version']);
        await identityFor(tools, encryption, locked);
      });
      return ok(
        check,
        `the identity opens what is encrypted for ${encryption.recipients.map(shortRecipient).join(', ')}`,
      );
    } catch (error) {
      if (!isOutOfReach(error)) throw error;
      const { message, next } = errorFacts(error);
      return warning(
        check,
        `${message}: restores, rollbacks, updates and drills here need it`,
        next ?? 'see the message',
      );
    }
  });
}
