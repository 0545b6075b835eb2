/** Makes a set readable: of an encrypted one, the manifest that tells all is decrypted into the step's own directory. */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { complaint, isFailure } from '#archive/encryption/age.ts';
import { type IdentityTools, identityFor } from '#archive/encryption/identity.ts';
import { unpacking } from '#archive/encryption/unpacking.ts';
import { readHeader } from '#archive/manifest.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import { newId } from '#kernel/ids.ts';
import type { Encryption } from '#sdk/encryption.ts';
import { SEALED_FILES, SET_FILES, type SetHeader } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

export type OpenTools = IdentityTools & Pick<Tools, 'spawn'>;

export interface ReadableSet {
  /** Where its files lie. */
  directory: string;
  /** Where the manifest lies that tells all of it: the same directory, unless the set is encrypted. */
  facts: string;
  header: SetHeader;
  /** What opens its files; null when they are not encrypted. */
  identity: string | null;
}

/** What can be told of a set without touching its data. */
export const FACTS = [SET_FILES.manifest, SET_FILES.sums];
export const SEALED_FACTS = [...FACTS, SEALED_FILES.manifest];

/**
 * @param encryption names the identity; without one only sets that are not encrypted can be read.
 * @throws AutopilotError HA_SECRET_UNAVAILABLE, HA_SET_CORRUPT
 */
export async function readable(
  tools: OpenTools,
  directory: string,
  encryption: Pick<Encryption, 'identity'> | undefined,
): Promise<ReadableSet> {
  const outside = await readHeader(directory);
  if (outside.encryption === null) return { directory, facts: directory, header: outside, identity: null };
  const { recipients } = outside.encryption;
  const identity = await identityFor(tools, encryption, { what: `the set ${outside.set}`, recipients });
  const facts = join(await tools.scratch(), `facts-${newId()}`);
  await mkdir(facts, { mode: 0o700 });
  await decryptManifest(tools, { directory, facts, identity });
  const header = await readHeader(facts);
  if (header.set !== outside.set || header.service !== outside.service) {
    throw corrupt(`${SEALED_FILES.manifest} is that of ${header.set} of ${header.service}`);
  }
  return { directory, facts, header, identity };
}

async function decryptManifest(
  tools: OpenTools,
  { directory, facts, identity }: { directory: string; facts: string; identity: string },
): Promise<void> {
  const path = join(directory, SEALED_FILES.manifest);
  await using target = await open(join(facts, SET_FILES.manifest), 'wx', 0o600);
  try {
    await (await unpacking(tools, { path, identity }, target.fd)).done;
  } catch (error) {
    tools.signal.throwIfAborted();
    throw isFailure(error) ? corrupt(`${SEALED_FILES.manifest} cannot be decrypted (${complaint(error)})`) : error;
  }
}
