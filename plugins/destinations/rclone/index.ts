/** Any of the remotes that rclone knows (S3, WebDAV, SMB, Google Drive …), as its own configuration describes them. */
import { z } from 'zod';
import { Duration } from '#sdk/duration.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { Rate } from '#sdk/rate.ts';
import { remoteActions } from '#sdk/remote/actions.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';
import { createRcloneFiles } from './files.ts';
import { freeBytes, requireRemote, requireServerSums, tryToWrite } from './remote.ts';

const Config = z.object({
  remote: z
    .string()
    .regex(/^[\w.][\w.+@ -]*:[^\0]*$/, 'is a remote and a path in it: nas:backups')
    .describe('A remote of rclone’s configuration and the path in it, as rclone writes it: b2:my-bucket/homelab'),
  config_file: z
    .string()
    .startsWith('/')
    .optional()
    .describe('rclone’s configuration. Default: the one of the user that the worker runs as')
    .meta({ path: true }),
  config_password: secret().optional().describe('Of rclone’s configuration, where that is encrypted'),
  verify_by: z
    .enum(['read_back', 'server_checksum'])
    .default('read_back')
    .describe(
      'server_checksum: believe the SHA-256 that the remote tells, without reading the copy; few remotes have it',
    ),
  bandwidth_limit: Rate.optional().describe('How much may go over the line in a second, such as 4M. Default: no limit'),
  timeout: Duration.default('1m').describe('How long the remote may stay silent before the connection counts as lost'),
});
export type RcloneTools = Tools<z.output<typeof Config>>;

export const plugin = destination.define({
  id: 'rclone',
  title: 'Remote of rclone',
  config: Config,
  actions: {
    ...remoteActions<z.output<typeof Config>>(async (tools, _use, work) => {
      await requireRemote(tools);
      return await work(createRcloneFiles(tools));
    }),

    async check(tools) {
      await requireRemote(tools);
      if (tools.config.verify_by === 'server_checksum') await requireServerSums(tools);
      await tryToWrite(tools);
      return { freeBytes: await freeBytes(tools), detail: tools.config.remote };
    },
  },
});
