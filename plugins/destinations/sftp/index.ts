/** A directory on a machine with an SSH server: whose key is pinned, and that gets files through SFTP alone. */
import { z } from 'zod';
import { Duration } from '#sdk/duration.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { Rate } from '#sdk/rate.ts';
import { remoteActions } from '#sdk/remote/actions.ts';
import { secret } from '#sdk/secret.ts';
import { HostKeyText } from '#sdk/ssh/host-key.ts';
import type { Tools } from '#sdk/tools.ts';
import { connected } from './connection.ts';
import { createSftpFiles } from './files.ts';
import { freeBytes, requireRoot, tryToWrite } from './root.ts';

const Config = z
  .object({
    host: z
      .string()
      .regex(/^[A-Za-z0-9[:][A-Za-z0-9.:_%\]-]*$/, 'is a name or an address')
      .describe('Name or address of the server'),
    port: z.int().min(1).max(65_535).default(22).describe('Its SSH port'),
    username: z.string().min(1).describe('Who logs in there'),
    path: z
      .string()
      .min(1)
      .refine((path) => !path.includes('\0'), 'cannot hold a NUL character')
      .describe('Directory there that holds the sets; one without "/" in front counts from the user’s home'),
    host_key: HostKeyText.describe(
      'Public key of the server, as ssh-keyscan prints it; nothing is sent to a server with another one',
    ),
    private_key: secret().optional().describe('Key to log in with, in OpenSSH or PEM form'),
    passphrase: secret().optional().describe('Of the private key, if it has one'),
    password: secret().optional().describe('To log in with instead of a key'),
    bandwidth_limit: Rate.optional().describe('How much may be sent in a second, such as 4M. Default: no limit'),
    timeout: Duration.default('30s').describe(
      'How long the server may stay silent before the connection counts as lost',
    ),
  })
  .refine(({ private_key: key, password }) => (key === undefined) !== (password === undefined), {
    path: ['private_key'],
    message: 'write either private_key_file or password_file',
  })
  .refine(({ private_key: key, passphrase }) => key !== undefined || passphrase === undefined, {
    path: ['passphrase'],
    message: 'belongs to a private_key',
  });
export type SftpTools = Tools<z.output<typeof Config>>;

export const plugin = destination.define({
  id: 'sftp',
  title: 'SFTP server',
  config: Config,
  actions: {
    ...remoteActions<z.output<typeof Config>>((tools, _use, work) =>
      connected(tools, async (session) => {
        await requireRoot(session);
        return await work(createSftpFiles(session));
      }),
    ),

    check: (tools) =>
      connected(tools, async (session) => {
        await requireRoot(session);
        await tryToWrite(session);
        const { host, path } = tools.config;
        return { freeBytes: (await freeBytes(session)) ?? null, detail: `${path} on ${host}` };
      }),
  },
});
