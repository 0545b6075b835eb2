/** Looks, before a set is made, whether what will be encrypted can be opened again. */
import { identityFor, isOutOfReach, type Locked } from '#archive/encryption/identity.ts';
import type { Encryption } from '#sdk/encryption.ts';
import type { Tools } from '#sdk/tools.ts';

/**
 * For runs that rely on a set that they make themselves.
 * @throws AutopilotError HA_SECRET_UNAVAILABLE
 */
export async function requireWayBack(
  tools: Tools,
  { encryption }: { encryption?: Encryption | undefined },
): Promise<void> {
  if (encryption === undefined || encryption.recipients.length === 0) return;
  await identityFor(tools, encryption, nextSet(encryption));
}

/** A backup is worth making without it: the identity may be kept elsewhere on purpose. One that is named is looked for. */
export async function identityWarnings(tools: Tools, encryption: Encryption | undefined): Promise<string[]> {
  if (encryption === undefined || encryption.recipients.length === 0 || encryption.identity === null) return [];
  try {
    await identityFor(tools, encryption, nextSet(encryption));
    return [];
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    return [`${error.message}; it is backed up all the same, and a restore here will need it`];
  }
}

function nextSet({ recipients }: Encryption): Locked {
  return { what: 'the set of this run', recipients };
}
