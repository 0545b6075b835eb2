/** The key by which a server is known. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';

export interface HostKey {
  type: string;
  /** As it goes over the wire. */
  blob: Buffer;
}

const LINE = /(?:^|\s)(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))\s+([A-Za-z0-9+/]+=*)(?:\s|$)/;

/** A line of `ssh-keyscan`, of `known_hosts`, or of a `.pub` file of the server. */
export function parseHostKey(text: string): HostKey | undefined {
  const [, type, base64] = LINE.exec(text.trim()) ?? [];
  if (type === undefined || base64 === undefined) return undefined;
  const blob = Buffer.from(base64, 'base64');
  // The blob says its own type first; a line that was cut or mixed up does not.
  return blob.subarray(4, 4 + type.length).toString() === type && blob.readUInt32BE(0) === type.length
    ? { type, blob }
    : undefined;
}

/** As users write it in a configuration. */
export const HostKeyText = z
  .string()
  .refine((text) => parseHostKey(text) !== undefined, 'is a public key: ssh-ed25519 AAAA…');

/** @throws AutopilotError HA_CONFIG_INVALID for what no configuration is accepted with. */
export function pinnedKey({ name }: { name: string }, text: string): HostKey {
  const pinned = parseHostKey(text);
  if (pinned !== undefined) return pinned;
  throw new AutopilotError('HA_CONFIG_INVALID', `${name}: host_key is not a public key`);
}

/** What is asked of the server, so that it shows the key that is pinned and not another one of its own. */
export function algorithmsOf({ type }: HostKey): string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];
}

/** As `ssh-keygen -l` shows it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
