/** A bucket of any store that speaks S3 (AWS, MinIO, Garage, Backblaze …), with the key that is configured and no other. */
import { z } from 'zod';
import { hasCredentials } from '#sdk/address.ts';
import { Duration } from '#sdk/duration.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { FingerprintText, ONE_TRUST } from '#sdk/pinned-https.ts';
import { Rate } from '#sdk/rate.ts';
import { remoteActions } from '#sdk/remote/actions.ts';
import { secret } from '#sdk/secret.ts';
import { isPathComponent } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';
import { placeOf, requireBucket, tryToWrite, whatStays } from './bucket.ts';
import { connected } from './connection.ts';
import { createS3Files } from './files.ts';

const Config = z
  .object({
    endpoint: z
      .string()
      .refine(isEndpoint, 'is https://HOST or https://HOST:PORT and no more')
      .describe('Where the store answers: https://s3.eu-central-1.amazonaws.com, https://minio.lan:9000'),
    region: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'is the name of a region')
      .default('us-east-1')
      .describe('Region that requests are signed for; stores of one’s own often have us-east-1, Garage has garage'),
    bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not a name that a bucket can have')
      .describe('It must exist; it is never made'),
    prefix: z
      .string()
      .refine((text) => text === '' || text.split('/').every(isPathComponent), 'is a path without "/" at its ends')
      .default('')
      .describe('What stands before the names of all sets, such as homelab/backups'),
    access_key_id: z
      .string()
      .regex(/^[^\s/,]{3,128}$/, 'is not the name of a key')
      .describe('Name of the key'),
    secret_access_key: secret().describe('The key itself'),
    path_style: z
      .boolean()
      .optional()
      .describe('Whether the bucket stands in the path and not in the host name. Default: yes, but not at AWS'),
    fingerprint: FingerprintText.optional().describe(
      'SHA-256 of the store’s certificate; nothing is sent to a store with another one',
    ),
    ca_file: z
      .string()
      .startsWith('/')
      .optional()
      .describe('Authority that signed the certificate (PEM). Default: those of the system')
      .meta({ path: true }),
    allow_private: z
      .boolean()
      .default(false)
      .describe('Whether a store in a private network may be reached by plain http, where others can read along'),
    bandwidth_limit: Rate.optional().describe('How much may be sent in a second, such as 4M. Default: no limit'),
    timeout: Duration.default('1m').describe('How long the store may stay silent before the connection counts as lost'),
  })
  .refine(...ONE_TRUST);
export type S3Tools = Tools<z.output<typeof Config>>;

export const plugin = destination.define({
  id: 's3',
  title: 'Bucket of an S3 store',
  config: Config,
  actions: {
    ...remoteActions<z.output<typeof Config>>((tools, _use, work) =>
      connected(tools, async (session) => {
        await requireBucket(session);
        return await work(createS3Files(session));
      }),
    ),

    check: (tools) =>
      connected(tools, async (session) => {
        await requireBucket(session);
        await tryToWrite(session);
        return { freeBytes: null, detail: [placeOf(tools), ...(await whatStays(session))].join('; ') };
      }),
  },
});

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || hasCredentials(text) || !['https:', 'http:'].includes(url.protocol)) return false;
  return url.pathname === '/' && url.search === '' && url.hash === '';
}
