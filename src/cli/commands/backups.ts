/** `backups`: restore points. They work without Redis, and with `--destination` without the state file. */
import type { CommandSpec, OptionSpec } from '#cli/spec.ts';

const ID = { name: '<id>', text: 'id of a restore point, or the beginning of it' };

const DESTINATION: OptionSpec = {
  flags: '--destination <name>',
  text: 'use this destination alone, and not the state file',
};

const IDENTITY: OptionSpec = {
  flags: '--identity <file>',
  text: 'what opens an encrypted restore point, instead of what the configuration names',
};

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list restore points, newest first',
  details:
    'Lists restore points, newest first, with the destinations that hold a copy. Needs neither Redis nor the controller.',
  arguments: [{ name: '[service]', text: 'restore points of this service' }],
  options: [DESTINATION],
  json: true,
  examples: [
    { line: 'homelab-autopilot backups', text: 'of all services' },
    { line: 'homelab-autopilot backups notes', text: 'of one service' },
    { line: 'homelab-autopilot backups --destination usb', text: 'what lies on usb' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/backups.ts')).listBackups(context, call),
};

const showCommand: CommandSpec = {
  name: 'show',
  summary: 'show one restore point and its copies',
  arguments: [ID],
  options: [DESTINATION, IDENTITY],
  json: true,
  examples: [{ line: 'homelab-autopilot backups show p9f4', text: 'what is in it, where it lies' }],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/backups.ts')).showBackup(context, call),
};

const verifyCommand: CommandSpec = {
  name: 'verify',
  summary: 'read every copy back and compare it with its checksums',
  arguments: [ID],
  options: [DESTINATION, IDENTITY],
  json: true,
  examples: [
    { line: 'homelab-autopilot backups verify p9f4', text: 'every copy' },
    { line: 'homelab-autopilot backups verify p9f4 --destination usb', text: 'the copy on usb' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/check-backups.ts')).verifyBackup(context, call),
};

const filesCommand: CommandSpec = {
  name: 'files',
  summary: 'list the files in a restore point',
  arguments: [ID, { name: '[glob]', text: 'only paths that match: "**/*.db"' }],
  options: [DESTINATION, IDENTITY],
  json: true,
  examples: [
    { line: 'homelab-autopilot backups files p9f4', text: 'all' },
    { line: 'homelab-autopilot backups files p9f4 "**/*.db"', text: 'the databases' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/backups.ts')).backupFiles(context, call),
};

const restoreCommand: CommandSpec = {
  name: 'restore',
  summary: 'put files back, to their place or to a folder',
  details:
    'Puts the files of a restore point back to where they were, or into a folder. Refuses when there is not enough room, and when files there are newer than the restore point, unless told to overwrite them. A service that is running is not stopped for it.',
  arguments: [ID],
  options: [
    { flags: '--to <dir>', text: 'restore into this folder instead of the original place' },
    { flags: '--only <glob>', text: 'only paths that match (repeatable)', many: true },
    { flags: '--overwrite', text: 'overwrite files that are newer than the restore point' },
    { flags: '-y, --yes', text: 'do not ask before writing to the original place' },
    DESTINATION,
    IDENTITY,
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot backups restore p9f4 --to /tmp/look', text: 'into a folder' },
    { line: 'homelab-autopilot backups restore p9f4 --only "**/*.db"', text: 'the databases, in place' },
    { line: 'homelab-autopilot backups restore p9f4 --destination usb', text: 'from usb alone' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/restore.ts')).restoreBackup(context, call),
};

const pinCommand: CommandSpec = {
  name: 'pin',
  summary: 'keep a restore point whatever the retention rules say',
  arguments: [ID],
  options: [DESTINATION],
  json: true,
  examples: [{ line: 'homelab-autopilot backups pin p9f4', text: 'keeps it until it is unpinned' }],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/check-backups.ts')).pinBackup(context, call, true),
};

const unpinCommand: CommandSpec = {
  name: 'unpin',
  summary: 'let the retention rules decide about a restore point again',
  arguments: [ID],
  options: [DESTINATION],
  json: true,
  examples: [{ line: 'homelab-autopilot backups unpin p9f4', text: 'back under the rules' }],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/check-backups.ts')).pinBackup(context, call, false),
};

const pruneCommand: CommandSpec = {
  name: 'prune',
  summary: 'show what retention would keep and remove, and why',
  details:
    'Explains for each restore point which rule keeps it, or that none does. Removal itself is a step of the backup workflow, so --dry-run is required here.',
  arguments: [{ name: '[service]', text: 'restore points of this service' }],
  options: [{ flags: '--dry-run', text: 'show the decisions and remove nothing' }, DESTINATION],
  json: true,
  examples: [
    { line: 'homelab-autopilot backups prune --dry-run', text: 'all services' },
    { line: 'homelab-autopilot backups prune notes --dry-run', text: 'one service' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/check-backups.ts')).pruneBackups(context, call),
};

const guestCommand: CommandSpec = {
  name: 'guest',
  summary: 'list the backups of the whole guest of a service',
  details:
    'Asks the hypervisor which backups of the whole guest it keeps, newest first: those of our runs and those that it made by itself. Their names are what `enqueue restore-guest --input from=NAME` takes.',
  arguments: [{ name: '<service>', text: 'service that names a guest' }],
  json: true,
  examples: [{ line: 'homelab-autopilot backups guest notes', text: 'of the guest that notes runs in' }],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/guest-backups.ts')).listGuestBackups(context, call),
};

export const backupsCommand: CommandSpec = {
  name: 'backups',
  summary: 'restore points: list, verify, look into, restore, pin',
  details:
    'Restore points. These commands need neither Redis nor the controller; with --destination they do not need the state file either.',
  examples: [
    { line: 'homelab-autopilot backups notes', text: 'the restore points of a service' },
    { line: 'homelab-autopilot backups verify p9f4', text: 'is it whole?' },
    { line: 'homelab-autopilot backups restore p9f4 --to /tmp/look', text: 'get the files out' },
  ],
  children: [
    listCommand,
    showCommand,
    verifyCommand,
    filesCommand,
    restoreCommand,
    pinCommand,
    unpinCommand,
    pruneCommand,
    guestCommand,
  ],
  whenBare: 'list',
};
