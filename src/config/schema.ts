/** The keys of the configuration that do not depend on a plugin. */
import { z } from 'zod';
import { duration, filePath, hostName, instanceName, timeLimit } from '#config/fields.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { scheduleField } from '#config/schedule.ts';
import { Compression } from '#sdk/kinds/archive.ts';
import { Retention } from '#sdk/retention.ts';
import { secret } from '#sdk/secret.ts';

/** Keys of the design whose feature is not built yet. */
export const NOT_YET = {
  top: ['hypervisors', 'updates', 'monitoring'],
  global: ['updates'],
  service: ['monitor', 'update', 'guest', 'depends_on', 'databases'],
} as const;

export const Version = z.literal(1).describe('The version of the configuration format');

export const Global = z.object({
  name: z.string().min(1).max(64).default('home').describe('What you call this homelab; shown in messages'),
  timezone: z
    .string()
    .optional()
    .describe('IANA zone of schedules and retention, such as Europe/Berlin. Default: the zone of the system'),
  host: hostName().optional().describe('The name of this machine among the hosts. Default: its host name'),
  state_dir: filePath().default('/var/lib/homelab-autopilot').describe('State, managed Redis, staging of backups'),
  log_dir: filePath().default('/var/log/homelab-autopilot').describe('Logs'),
  log_level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('How much is logged'),
  priority: z
    .object({
      nice: z.int().min(0).max(19).default(10).describe('CPU: 0 as everything else, 19 only what is left over'),
      ionice: z.enum(['idle', 'best-effort', 'none']).default('idle').describe('Disk; none leaves it as it is'),
    })
    .prefault({})
    .describe('Priority of the commands that are started on a host'),
  timeout: timeLimit().prefault('1h').describe('Time limit of a step that names none'),
  parallelism: z
    .object({ backups: z.int().min(1).max(64).default(2).describe('Backups at the same time') })
    .prefault({})
    .describe('How much may run at once'),
});

export const Redis = z.object({
  url: secret().describe('redis://…, rediss://…; leave the section out to have a private Redis started'),
});

/** Settings of one host; there are none so far. */
export const Host = z.object({});

const RetentionRules = Retention.omit({ keep_within_ms: true, timezone: true })
  .extend({ keep_within: duration().optional().describe('Keep all sets younger than this, counted from the newest') })
  .meta({ dashes: true } satisfies FieldNotes);

/** The keys of `backup:` that every service has; the top level gives their defaults. */
export const Backup = z.object({
  enabled: z.boolean().default(true).describe('Set to false to have no backups for now'),
  schedule: scheduleField().describe(
    'When: cron with 5 or 6 fields, @daily and the like, a map that says more, or false',
  ),
  destinations: z.array(z.string()).default([]).describe('Names of the destinations that each set is copied to'),
  compression: Compression.prefault({}).describe('How sets are compressed'),
  retention: RetentionRules.prefault({}).describe('Which sets are kept: a set is kept when any rule keeps it'),
  timeout: timeLimit().optional().describe('Time limit of each step. Default: global.timeout'),
});

export const DestinationCore = z.object({ type: z.string().describe('The plugin') });

export const ChannelCore = z.object({ type: z.string().describe('The plugin') });

export const ServiceCore = z.object({
  name: instanceName().describe('Unique among the services'),
  type: z.string().describe('The plugin'),
  host: z.string().optional().describe('Where the service runs. Default: this machine'),
});

export const TOP_LEVEL_KEYS = [
  'version',
  'global',
  'redis',
  'hosts',
  'destinations',
  'notifications',
  'backup',
  'services',
] as const;
