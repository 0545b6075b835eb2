/** Finds the identity that opens encrypted sets, and says what to do when it is not there or not the right one. */
import { complaint, fits, isFailure } from '#archive/encryption/age.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import type { Encryption } from '#sdk/encryption.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

export type IdentityTools = Pick<Tools, 'exec' | 'scratch' | 'secret' | 'signal' | 'host'>;

/** What is to be opened. */
export interface Locked {
  /** `the set p9f4…`, as it begins a message. */
  what: string;
  recipients: readonly string[];
}

/** @throws AutopilotError HA_SECRET_UNAVAILABLE: there is none, it cannot be read, or it is another one. */
export async function identityFor(
  tools: IdentityTools,
  encryption: Pick<Encryption, 'identity'> | undefined,
  locked: Locked,
): Promise<string> {
  const ref = encryption?.identity ?? null;
  if (ref === null) {
    const next = `put the identity on ${tools.host}, and name it:  backup.encryption.identity_file`;
    throw unavailable(locked, 'no identity is configured that would open it', next);
  }
  const place = placeOf(ref);
  const identity = await valueOf(tools, ref, locked);
  const next = `put an identity of one of these recipients into ${place} on ${tools.host}, then try again`;
  let right: boolean;
  try {
    right = await fits(tools, locked.recipients, identity);
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!isFailure(error)) throw error;
    throw unavailable(locked, `what stands in ${place} cannot be used as an identity: ${complaint(error)}`, next);
  }
  if (right) return identity;
  throw unavailable(locked, `the identity in ${place} is another one`, next);
}

async function valueOf(tools: IdentityTools, ref: SecretRef, locked: Locked): Promise<string> {
  try {
    return await tools.secret(ref);
  } catch (error) {
    tools.signal.throwIfAborted();
    const next = `put the identity there, readable by the user who runs this on ${tools.host} (mode 600), then try again`;
    throw unavailable(locked, `its identity is not within reach: ${errorText(error)}`, next);
  }
}

function unavailable({ what, recipients }: Locked, why: string, next: string): AutopilotError {
  const whose = recipients.map(shortRecipient).join(', ');
  return new AutopilotError('HA_SECRET_UNAVAILABLE', `${what} is encrypted for ${whose}, and ${why}`, { next });
}

/** Where a person looks for it: never the identity itself. */
function placeOf({ $secret: { path, source } }: SecretRef): string {
  if (source.from === 'file') return source.file;
  return source.from === 'command' ? `what "${source.command[0]}" prints (${path})` : path;
}

/** `age1qy3ev…d0sk2` */
export function shortRecipient(recipient: string): string {
  return recipient.length <= 24 ? recipient : `${recipient.slice(0, 18)}…${recipient.slice(-5)}`;
}

export function isOutOfReach(error: unknown): error is AutopilotError {
  return error instanceof AutopilotError && error.code === 'HA_SECRET_UNAVAILABLE';
}
