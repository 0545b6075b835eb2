/** Where a Docker engine is reached, and how messages call it. */
import type { SecretRef } from '#sdk/secret.ts';

export interface EngineAddress {
  /** Of this machine, where neither of the others is given. */
  socket: string;
  tls?: { host: string; port: number; ca: SecretRef; cert: SecretRef; key: SecretRef } | undefined;
  ssh?: SshAddress | undefined;
}

interface SshAddress {
  host: string;
  port: number;
  username: string;
  host_key: string;
  private_key: SecretRef;
  passphrase?: SecretRef | undefined;
}

export const SOCKET = '/var/run/docker.sock';

export function placeOf({ socket, tls, ssh }: EngineAddress): string {
  if (tls !== undefined) return `${tls.host}:${tls.port}`;
  return ssh === undefined ? socket : `${ssh.username}@${ssh.host}:${ssh.port}`;
}
