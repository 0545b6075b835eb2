/** The keys of a Docker engine: its socket, or its address over TLS or SSH. */
import { z } from 'zod';
import { SOCKET } from '#sdk/docker/address.ts';
import { secret } from '#sdk/secret.ts';
import { HostKeyText } from '#sdk/ssh/host-key.ts';

const Host = z.string().regex(/^[A-Za-z0-9[:][A-Za-z0-9.:_%\]-]*$/, 'is a name or an address');
const Port = z.int().min(1).max(65_535);

const Tls = z.object({
  host: Host.describe('Name or address of the engine'),
  port: Port.default(2376).describe('Its port'),
  ca: secret().describe('Certificate of the authority that the engine is signed by, PEM'),
  cert: secret().describe('Certificate of this client, PEM'),
  key: secret().describe('Key of this client, PEM'),
});

const Ssh = z.object({
  host: Host.describe('Name or address of the machine'),
  port: Port.default(22).describe('Its SSH port'),
  username: z.string().min(1).describe('Who logs in there, and may use Docker'),
  host_key: HostKeyText.describe(
    'Public key of the machine, as ssh-keyscan prints it; nothing is sent to one with another key',
  ),
  private_key: secret().describe('Key to log in with, in OpenSSH or PEM form'),
  passphrase: secret().optional().describe('Of the private key, if it has one'),
});

export const Config = z
  .object({
    socket: z
      .string()
      .startsWith('/')
      .default(SOCKET)
      .describe('Socket of the engine, where neither `tls` nor `ssh` is given'),
    tls: Tls.optional().describe('An engine of another machine, with certificates on both sides'),
    ssh: Ssh.optional().describe(
      'An engine of another machine, through SSH; the docker command must be installed there',
    ),
  })
  .refine(({ tls, ssh }) => tls === undefined || ssh === undefined, {
    path: ['ssh'],
    message: 'write either tls or ssh',
  });
