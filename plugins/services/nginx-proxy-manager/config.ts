/** What users write for an Nginx Proxy Manager: its Compose project, and how its own API is asked. */
import { z } from 'zod';
import { BackupKeys, Config as ComposeConfig, databasesGoOn, Update } from '#plugins/services/docker-compose/config.ts';
import { isLoopbackUrl } from '#sdk/address.ts';
import { Duration } from '#sdk/duration.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

export { Update };

export const Config = ComposeConfig.extend({
  url: z
    .string()
    .refine(isLoopbackUrl, 'not a place of this machine, such as http://127.0.0.1:81')
    .default('http://127.0.0.1:81')
    .describe('Where its admin pages are, on this machine'),
  email: z
    .string()
    .min(1)
    .optional()
    .describe('An account of it that may see all hosts, without a second factor: its hosts are counted with it'),
  password: secret().optional().describe('The password of that account'),
  http_port: z
    .int()
    .min(1)
    .max(65_535)
    .default(80)
    .describe('The port of this machine at which it answers for its hosts, without TLS'),
  start_timeout: Duration.default('5m').describe(
    'How long it may take to start; a new version changes its database first',
  ),
});

const quiesce = BackupKeys.shape.quiesce.unwrap();

export const Backup = BackupKeys.extend({
  // Its SQLite file may be torn when it is copied while it is written to.
  quiesce: quiesce
    .extend({
      stop: quiesce.shape.stop
        .unwrap()
        .default('all')
        .describe('Compose services to stop, in this order, or `all` (the default): its database must be at rest'),
    })
    .prefault({}),
}).superRefine(databasesGoOn);

export type ManagerTools = Tools<
  z.output<typeof Config> & { backup: z.output<typeof Backup>; update: z.output<typeof Update> }
>;
