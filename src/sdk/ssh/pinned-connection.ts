/** How the `ssh2` library connects: with the pinned host or with none, and with an end to its silence. */
import type { ConnectConfig } from 'ssh2';
import { withoutBrackets } from '#sdk/address.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { algorithmsOf, pinnedKey } from '#sdk/ssh/host-key.ts';
import type { Tools } from '#sdk/tools.ts';

export interface PinnedLogin {
  host: string;
  port: number;
  username: string;
  host_key: string;
  private_key?: SecretRef | undefined;
  passphrase?: SecretRef | undefined;
  password?: SecretRef | undefined;
}

export interface PinnedConnection {
  config: ConnectConfig;
  /** The key that the host showed, when it is not the pinned one. */
  strange(): Buffer | undefined;
}

type ServerAlgorithms = NonNullable<NonNullable<ConnectConfig['algorithms']>['serverHostKey']>;

/**
 * The password or key is used after the host has proved that it has the pinned key, and only then.
 * @param silenceMs after so much of it the connection counts as lost.
 */
export async function pinnedConnection(tools: Tools, login: PinnedLogin, silenceMs: number): Promise<PinnedConnection> {
  const { host, port, username, private_key: key, passphrase, password } = login;
  const pinned = pinnedKey(tools, login.host_key);
  let strange: Buffer | undefined;
  const config: ConnectConfig = {
    host: withoutBrackets(host),
    port,
    username,
    readyTimeout: silenceMs,
    keepaliveInterval: Math.ceil(silenceMs / 3),
    keepaliveCountMax: 2,
    algorithms: { serverHostKey: algorithmsOf(pinned) as ServerAlgorithms },
    hostVerifier: (blob: Buffer) => {
      if (blob.equals(pinned.blob)) return true;
      strange = blob;
      return false;
    },
    ...(key === undefined ? {} : { privateKey: await tools.secret(key) }),
    ...(passphrase === undefined ? {} : { passphrase: await tools.secret(passphrase) }),
    ...(password === undefined ? {} : { password: await tools.secret(password) }),
  };
  return { config, strange: () => strange };
}
