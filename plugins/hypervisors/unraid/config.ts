/** What a user writes for an Unraid server. */
import { z } from 'zod';
import { isHttpsServer, isLoopbackUrl } from '#sdk/address.ts';
import { Duration } from '#sdk/duration.ts';
import { FingerprintText, ONE_TRUST } from '#sdk/pinned-https.ts';
import { secret } from '#sdk/secret.ts';
import { SshLogin } from '#sdk/ssh/login.ts';
import type { Tools } from '#sdk/tools.ts';

const Ssh = SshLogin.extend({
  username: SshLogin.shape.username.default('root').describe('Who logs in there; Unraid knows only root'),
});

export const Config = z
  .object({
    url: z
      .string()
      .refine(isAddress, 'must be https://HOST, or http://127.0.0.1 on the server itself, and no more')
      .describe('The server: https://tower.lan; http:// only to this machine itself'),
    api_key: secret().describe('API key with the rights that its page names'),
    fingerprint: FingerprintText.optional().describe(
      'SHA-256 of the server’s certificate; the key goes to no server with another one',
    ),
    ca_file: z
      .string()
      .startsWith('/')
      .optional()
      .describe('Authority that signed the certificate (PEM). Default: those of the system'),
    ssh: Ssh.optional().describe('The same server through SSH: needed for snapshots, which its API does not have'),
    timeout: Duration.default('1m').describe('How long one answer may take; Unraid waits for a guest that stops'),
    patience: Duration.default('1m').describe(
      'How long to look again when an answer was lost, before the outcome counts as unknown',
    ),
  })
  .refine(...ONE_TRUST);

export type UnraidTools = Tools<z.output<typeof Config>>;

function isAddress(text: string): boolean {
  return isHttpsServer(text) || isLoopbackUrl(text);
}
