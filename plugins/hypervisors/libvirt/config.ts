/** The keys of a libvirt: of this machine, or of another one through SSH. */
import { z } from 'zod';
import { placeOfLogin, SshLogin } from '#sdk/ssh/login.ts';
import type { Tools } from '#sdk/tools.ts';

const Ssh = SshLogin.extend({
  username: SshLogin.shape.username.describe('Who logs in there, and may use libvirt'),
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
  return ssh === undefined ? uri : `${uri} of ${placeOfLogin(ssh)}`;
}
