/** The keys of the configuration that do not depend on a plugin. */
import { z } from 'zod';
import { encryptionField } from '#config/encryption.ts';
import { duration, filePath, hostName, instanceName, size, timeLimit } from '#config/fields.ts';
import { guestBackupField } from '#config/guest-backup.ts';
import { guestDrillField } from '#config/guest-drill.ts';
import { HealField } from '#config/heal.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { MonitorList } from '#config/monitoring.ts';
import { pingField } from '#config/ping.ts';
import { scheduleField, WindowForm } from '#config/schedule.ts';
import type { CoreShape } from '#sdk/catalog.ts';
import { GuestId } from '#sdk/guests.ts';
import { Compression } from '#sdk/kinds/archive.ts';
import { readReference } from '#sdk/registry/reference.ts';
import { Retention } from '#sdk/retention.ts';
import { secret } from '#sdk/secret.ts';
import { TagFilter } from '#sdk/versions/filter.ts';
import { POLICIES } from '#sdk/versions/settings.ts';
import { ROLLBACK_MODES } from '#sdk/workflow.ts';

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
    .object({
      backups: z.int().min(1).max(64).default(2).describe('Backups at the same time'),
      updates: z.int().min(1).max(64).default(1).describe('Updates at the same time'),
    })
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
  ping: pingField(),
  destinations: z.array(z.string()).default([]).describe('Names of the destinations that each set is copied to'),
  compression: Compression.prefault({}).describe('How sets are compressed'),
  encryption: encryptionField(),
  retention: RetentionRules.prefault({}).describe('Which sets are kept: a set is kept when any rule keeps it'),
  timeout: timeLimit().optional().describe('Time limit of each step. Default: global.timeout'),
  guest: guestBackupField(),
  drill: z
    .object({
      schedule: scheduleField().describe('When a restore is tried: cron, a map, or false for never'),
      ping: pingField(),
      destination: z
        .string()
        .optional()
        .describe('The destination whose newest set is tried. Default: the first of the destinations'),
      max_bytes: size()
        .prefault('50G')
        .describe('A set that holds more is not unpacked, nor a guest with larger disks: the drill fails instead'),
      timeout: timeLimit().prefault('1h').describe('Time limit of each step of a drill'),
      databases: z
        .boolean()
        .default(true)
        .describe('Whether dumps of databases are loaded into servers of the drill’s own, where such can be had'),
      probes: z
        .boolean()
        .default(true)
        .describe(
          'Whether probes that ask at ports of a copied project are asked of the copy; false for one that needs the world',
        ),
      guest: guestDrillField(),
    })
    .prefault({})
    .describe('Restore drills: whether the backups can really be restored'),
});

/** The parts of a restore point that a rollback brings back. */
const RESTORE_PARTS = ['image', 'config', 'data'] as const;

/** The keys of `update:` that every service has; the top level's `updates:` gives their defaults. */
export const Update = z.object({
  schedule: scheduleField().describe(
    'When updates are looked for, and made: cron, a map, or false for never. Only services with an `update:` section of their own',
  ),
  ping: pingField(),
  window: WindowForm.nullable()
    .optional()
    .describe('Scheduled updates start only within it; a window of the schedule itself goes first'),
  policy: z
    .enum(POLICIES)
    .default('minor')
    .describe('How far an update may go by itself; digest: the same tag only; manual: nothing that is not approved'),
  min_age: duration().prefault('0s').describe('How long a version must have been out'),
  tags: z
    .union([TagFilter, z.record(z.string(), TagFilter)])
    .optional()
    .meta({ expects: 'a regular expression, or one for each part of the service' } satisfies FieldNotes)
    .describe('Which tags count as versions: a regular expression (RE2), or a map from part of the service to one'),
  gate: z
    .object({
      timeout: timeLimit().prefault('5m').describe('How long the new version may take until all its probes are good'),
      stable_for: duration().prefault('30s').describe('How long they must then stay good'),
    })
    .prefault({})
    .describe('How a new version is judged, and the old one after a rollback'),
  rollback: z
    .object({
      mode: z
        .enum(ROLLBACK_MODES)
        .default('auto')
        .describe(
          'What follows an update that fails its gate: auto rolls back, ask calls a person first, never leaves it as it is',
        ),
      ask_after: duration()
        .optional()
        .describe(
          'auto calls a person first when the data to come back is older than this: what was written since would be lost',
        ),
      restore: z
        .array(z.enum(RESTORE_PARTS))
        .min(1)
        .default([...RESTORE_PARTS])
        .describe('What an automatic rollback brings back'),
    })
    .prefault({})
    .describe('The way back'),
});

const RegistryHost = z.string().refine((host) => readReference(`${host}/name`)?.registry === host, {
  message: 'not a registry: write it as it stands before the name of an image, such as ghcr.io or registry.lan:5000',
});

/** A registry of images, by its host. */
const Registry = z
  .object({
    username: z.string().min(1).optional().describe('Who we are there; left out, what `docker login` wrote is used'),
    password: secret().optional().describe('The password or token of the user'),
    insecure: z
      .boolean()
      .optional()
      .describe('Whether it is reached by plain http. Default: tried where the registry is on this machine'),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    message: 'username and password belong together',
  });

/** The top level's `updates:`. */
export const Updates = Update.extend({
  registries: z.record(RegistryHost, Registry).prefault({}).describe('Registries of images, by host'),
});

export const DestinationCore = z.object({
  type: z.string().describe('The plugin'),
} satisfies CoreShape<'destination'>);

export const HypervisorCore = z.object({
  type: z.string().describe('The plugin'),
  hosts: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Hosts whose worker reaches it; the first that has one is taken. Default: this machine'),
} satisfies CoreShape<'hypervisor'>);

export const ChannelCore = z.object({
  type: z.string().describe('The plugin'),
} satisfies CoreShape<'notification'>);

const GuestOf = z.object({
  hypervisor: z.string().describe('Name of the hypervisor'),
  id: z
    .union([GuestId, z.int().nonnegative()])
    .meta({ expects: 'the id or name of a guest' } satisfies FieldNotes)
    .describe('The guest, as the hypervisor calls it: a number, a name'),
});

export const ServiceCore = z.object({
  name: instanceName().describe('Unique among the services'),
  type: z.string().describe('The plugin'),
  host: z.string().optional().describe('Where the service runs. Default: this machine'),
  depends_on: z.array(z.string()).optional().describe('Names of the services that this one needs'),
  guest: GuestOf.optional().describe('The guest that the service runs in: an update snapshots it first'),
  monitor: MonitorList,
  heal: HealField,
} satisfies CoreShape<'service'>);

export const TOP_LEVEL_KEYS = [
  'version',
  'global',
  'redis',
  'hosts',
  'hypervisors',
  'destinations',
  'notifications',
  'backup',
  'updates',
  'monitoring',
  'services',
] as const;
