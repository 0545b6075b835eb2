/** The key by which a server is known. */
import { createHash } from 'node:crypto';

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

/** What is asked of the server, so that it shows the key that is pinned and not another one of its own. */
export function algorithmsOf({ type }: HostKey): string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];
}

/** As `ssh-keygen -l` shows it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
