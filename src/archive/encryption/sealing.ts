/** Encrypts the small files of a set, each read back and compared before the plain one may go. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { sumFile } from '#archive/checksum.ts';
import { decrypting, encryptCommand, fits, isFailure } from '#archive/encryption/age.ts';
import { isOutOfReach } from '#archive/encryption/identity.ts';
import { readOneTimeKey } from '#archive/encryption/one-time-key.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import type { Encryption } from '#sdk/encryption.ts';
import type { SetHeader } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** For whom a set is encrypted, and what opens it while it is made. */
export interface Lock {
  recipients: readonly string[];
  identity: string;
  readBackWith: NonNullable<SetHeader['encryption']>['readBackWith'];
}

/**
 * The identity that the user will have to rely on, where it is here: then reading back proves that it opens the set. The
 * one-time key otherwise; that there is none, or another one, was told before the capture.
 */
export async function lockOf(
  tools: Tools,
  directory: string,
  how: { encryption: Encryption | undefined; captured: { recipients: string[]; oneTime: string } },
): Promise<Lock> {
  const { recipients, oneTime } = how.captured;
  const own = await ownIdentity(tools, how.encryption, recipients);
  const all = [...recipients, oneTime];
  if (own !== undefined) return { recipients: all, identity: own, readBackWith: 'identity' };
  return { recipients: all, identity: await readOneTimeKey(directory), readBackWith: 'one-time key' };
}

async function ownIdentity(
  tools: Tools,
  encryption: Encryption | undefined,
  recipients: readonly string[],
): Promise<string | undefined> {
  const ref = encryption?.identity ?? null;
  if (ref === null) return undefined;
  try {
    const identity = await tools.secret(ref);
    return (await fits(tools, recipients, identity)) ? identity : undefined;
  } catch (error) {
    tools.signal.throwIfAborted();
    if (isOutOfReach(error) || isFailure(error)) return undefined;
    throw error;
  }
}

/** @throws AutopilotError HA_SET_CORRUPT when what was written does not open to what it was made of. */
export async function encryptFile(
  tools: Tools,
  { from, to }: { from: string; to: string },
  { recipients, identity }: Lock,
): Promise<void> {
  await encrypted(tools, { from, to }, recipients);
  const child = decrypting(tools, { path: to, identity }, 'pipe');
  const hash = createHash('sha256');
  for await (const piece of child.stdout ?? []) hash.update(piece);
  await child.done;
  const { sha256 } = await sumFile(from, tools);
  if (hash.digest('hex') !== sha256) throw corrupt(`${to} does not open to what it was made of`);
}

async function encrypted(
  tools: Pick<Tools, 'spawn'>,
  { from, to }: { from: string; to: string },
  recipients: readonly string[],
): Promise<void> {
  await using source = await open(from, 'r');
  await using target = await open(to, 'w', 0o600);
  await tools.spawn(encryptCommand(recipients), { stdin: source.fd, stdout: target.fd }).done;
  await target.sync();
}
