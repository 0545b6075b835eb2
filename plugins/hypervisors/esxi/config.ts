/** What a user writes for an ESXi host or a vCenter: its API, or SSH to a host whose licence makes the API read-only. */
import { z } from 'zod';
import { isHttpsServer } from '#sdk/address.ts';
import { Duration } from '#sdk/duration.ts';
import { FingerprintText, ONE_TRUST } from '#sdk/pinned-https.ts';
import { secret } from '#sdk/secret.ts';
import { HostKeyText } from '#sdk/ssh/host-key.ts';
import type { Tools } from '#sdk/tools.ts';

const Ssh = z.object({
  host: z
    .string()
    .regex(/^[A-Za-z0-9[:][A-Za-z0-9.:_%\]-]*$/, 'is a name or an address')
    .describe('Name or address of the host'),
  port: z.int().min(1).max(65_535).default(22).describe('Its SSH port'),
  username: z.string().min(1).default('root').describe('Who logs in there, and may use vim-cmd'),
  host_key: HostKeyText.describe(
    'Public key of the host, as ssh-keyscan prints it; nothing is sent to one with another key',
  ),
  private_key: secret().describe('Key to log in with, in OpenSSH or PEM form'),
  passphrase: secret().optional().describe('Of the private key, if it has one'),
});

export const Config = z
  .object({
    url: z
      .string()
      .refine(isHttpsServer, 'must be https://HOST and no more')
      .optional()
      .describe('The ESXi host, or the vCenter: https://esxi.lan'),
    username: z
      .string()
      .min(1)
      .optional()
      .describe('Who logs in at the API: autopilot, or with vCenter autopilot@vsphere.local'),
    password: secret().optional().describe('Password of that user'),
    fingerprint: FingerprintText.optional().describe(
      'SHA-256 of the server’s certificate; the password goes to no server with another one',
    ),
    ca_file: z
      .string()
      .startsWith('/')
      .optional()
      .describe('Authority that signed the certificate (PEM). Default: those of the system'),
    ssh: Ssh.optional().describe('Instead of the API: vim-cmd on an ESXi host whose licence makes the API read-only'),
    timeout: Duration.default('30s').describe('How long one answer may take'),
    patience: Duration.default('1m').describe(
      'How long to look again when an answer was lost, before the outcome counts as unknown',
    ),
  })
  .refine(({ url, ssh }) => (url === undefined) !== (ssh === undefined), {
    path: ['url'],
    message: 'write either url or ssh',
  })
  .refine(({ url, username, password }) => url === undefined || (username !== undefined && password !== undefined), {
    path: ['username'],
    message: 'url needs username and password',
  })
  .refine(...ONE_TRUST);

export type EsxiTools = Tools<z.output<typeof Config>>;

/** How messages call it. */
export function placeOf({ config: { url, ssh } }: Pick<EsxiTools, 'config'>): string {
  if (ssh !== undefined) return `${ssh.username}@${ssh.host}:${ssh.port}`;
  return url === undefined ? 'vSphere' : new URL(url).host;
}
