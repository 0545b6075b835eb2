/** A share that a NAS exports and this machine mounts: guarded, so that a NAS that is away never fills the root disk. */
import { z } from 'zod';
import { Duration } from '#sdk/duration.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { remoteActions } from '#sdk/remote/actions.ts';
import type { Tools } from '#sdk/tools.ts';
import { createMountedFiles, freeBytes } from './files.ts';
import { refuseInside, requireShare, tryToWrite } from './guard.ts';

const Config = z.object({
  path: z
    .string()
    .startsWith('/')
    .describe('Directory on the mounted share that holds the sets, as <path>/<service>/<set>/')
    .meta({ path: true }),
  require_mount: z
    .boolean()
    .default(true)
    .describe(
      'Refuse when the mount table does not have a share at the path or above it; false: the marker alone guards',
    ),
  fs_types: z
    .array(z.string().min(1))
    .min(1)
    .default(['nfs', 'nfs4'])
    .describe('File systems that count as the share, as the mount table names them: cifs, fuse.sshfs …'),
  marker: z
    .string()
    .regex(/^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$/, 'is a file name')
    .default('.homelab-autopilot')
    .describe(
      'File that you make once in the path on the NAS; where it is missing, it is not the share that you meant',
    ),
  timeout: Duration.default('1m').describe('How long a single access may take before the NAS counts as away'),
});
export type NfsTools = Tools<z.output<typeof Config>>;

export const plugin = destination.define({
  id: 'nfs',
  title: 'NFS or another network share',
  config: Config,
  actions: {
    ...remoteActions<z.output<typeof Config>>(async (tools, _use, work) => {
      await requireShare(tools);
      return await work(createMountedFiles(tools));
    }),

    async check(tools, { sources }) {
      await refuseInside(tools, sources);
      const mount = await requireShare(tools);
      await tryToWrite(tools);
      return { freeBytes: await freeBytes(tools), detail: `${tools.config.path} (${mount})` };
    },
  },
});
