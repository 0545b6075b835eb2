/** What a user writes for a Proxmox VE node or cluster. */
import { z } from 'zod';
import { isHttpsServer } from '#sdk/address.ts';
import { Duration } from '#sdk/duration.ts';
import { isFingerprint, ONE_TRUST } from '#sdk/pinned-https.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

export const STORAGE = /^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$/;

export const Config = z
  .object({
    url: z
      .string()
      .refine(isHttpsServer, 'must be https://HOST:8006 and no more')
      .describe('Any node of the cluster: https://pve.lan:8006'),
    token: secret().describe('API token, as USER@REALM!TOKENID=UUID'),
    fingerprint: z
      .string()
      .refine(isFingerprint, 'is 32 pairs of hexadecimal digits with ":" between, as the node shows it')
      .optional()
      .describe('SHA-256 of the node’s certificate; the token goes to no server with another one'),
    ca_file: z
      .string()
      .startsWith('/')
      .optional()
      .describe(
        'Authority that signed the certificate (PEM); a copy of /etc/pve/pve-root-ca.pem. Default: those of the system',
      ),
    backup_storage: z
      .string()
      .regex(STORAGE, 'is the name of a storage of Proxmox VE')
      .optional()
      .describe('Storage that keeps the backups that vzdump makes'),
    timeout: Duration.default('30s').describe('How long one answer may take'),
    patience: Duration.default('1m').describe(
      'How long to look again when an answer was lost, before the outcome counts as unknown',
    ),
  })
  .refine(...ONE_TRUST);

export type ProxmoxTools = Tools<z.output<typeof Config>>;
