/** The keys of a libvirt: of this machine, or of another one through SSH. */
import { z } from 'zod';
import { secret } from '#sdk/secret.ts';
import { HostKeyText } from '#sdk/ssh/host-key.ts';
import type { Tools } from '#sdk/tools.ts';

// Parts of an address that a program is started with: no more than names need.
const Ssh = z.object({
  host: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, 'is a name or an IPv4 address')
    .describe('Name or address of the machine'),
  port: z.int().min(1).max(65_535).default(22).describe('Its SSH port'),
  username: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, 'is the name of a user')
    .describe('Who logs in there, and may use libvirt'),
  host_key: HostKeyText.describe(
    'Public key of the machine, as ssh-keyscan prints it; nothing is sent to one with another key',
  ),
  private_key: secret().describe('Key to log in with, in OpenSSH form and without a passphrase'),
});

export const Config = z.object({
  uri: z
    .enum(['qemu:///system', 'qemu:///session'])
    .default('qemu:///system')
    .describe('The machines of the whole system, or those of the user'),
  ssh: Ssh.optional().describe('Another machine, through SSH; the address is made from this'),
});

export type LibvirtTools = Tools<z.output<typeof Config>>;

/** How messages call it. */
export function placeOf({ config: { uri, ssh } }: Pick<LibvirtTools, 'config'>): string {
  return ssh === undefined ? uri : `${uri} of ${ssh.username}@${ssh.host}:${ssh.port}`;
}
