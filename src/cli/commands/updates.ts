/** `updates`: what is newer than what runs, and what is to be done about it. */
import type { CommandSpec, OptionSpec } from '#cli/spec.ts';

const SERVICE = { name: '<service>', text: 'name of the service' };
const VERSION = { name: '[version]', text: 'a tag, or a digest (its first 12 characters do)' };
const IMAGE: OptionSpec = { flags: '--image <name>', text: 'the part of the service that is meant (default: all)' };

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list what runs, what is newer, and what the policy says of it',
  details:
    'Asks the services of this host what they run, and the registries what they have. Nothing is pulled and nothing is changed. What cannot be found out is shown as unknown, with the reason.',
  arguments: [{ name: '[service...]', text: 'names of services (default: all)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot updates', text: 'all services' },
    { line: 'homelab-autopilot updates list paperless --json', text: 'one service, for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/updates.ts')).listUpdates(context, call),
};

const approveCommand: CommandSpec = {
  name: 'approve',
  summary: 'let an update be taken that is held',
  details:
    'Lets a version be taken whatever its size, its age and the guard of major versions say. Without a version: what is held now.',
  arguments: [SERVICE, VERSION],
  options: [IMAGE],
  json: true,
  examples: [
    { line: 'homelab-autopilot updates approve paperless', text: 'what is held of it now' },
    { line: 'homelab-autopilot updates approve paperless 17.2 --image db', text: 'one version of its database' },
  ],
  run: async (context, call) => (await import('#cli/actions/decide.ts')).decideVersion(context, call, 'approve'),
};

const skipCommand: CommandSpec = {
  name: 'skip',
  summary: 'pass over a version',
  details: 'Passes over a version; the next one is told again. Without a version: what is available or held now.',
  arguments: [SERVICE, VERSION],
  options: [IMAGE],
  json: true,
  examples: [{ line: 'homelab-autopilot updates skip paperless 2.14.0', text: 'not this one' }],
  run: async (context, call) => (await import('#cli/actions/decide.ts')).decideVersion(context, call, 'skip'),
};

const pinCommand: CommandSpec = {
  name: 'pin',
  summary: 'stay at a version until it is unpinned',
  details: 'Keeps a service at a version, or brings it to that version and no further. Without one: what runs now.',
  arguments: [SERVICE, VERSION],
  options: [IMAGE],
  json: true,
  examples: [
    { line: 'homelab-autopilot updates pin paperless', text: 'what runs now' },
    { line: 'homelab-autopilot updates pin paperless 2.13.5', text: 'up to this version' },
  ],
  run: async (context, call) => (await import('#cli/actions/decide.ts')).decideVersion(context, call, 'pin'),
};

const unpinCommand: CommandSpec = {
  name: 'unpin',
  summary: 'let a service be updated again',
  arguments: [SERVICE],
  options: [IMAGE],
  json: true,
  examples: [{ line: 'homelab-autopilot updates unpin paperless', text: 'all of it' }],
  run: async (context, call) => (await import('#cli/actions/decide.ts')).unpinService(context, call),
};

export const updatesCommand: CommandSpec = {
  name: 'updates',
  summary: 'what is newer than what runs, and decisions on it',
  examples: [
    { line: 'homelab-autopilot updates', text: 'what is there' },
    { line: 'homelab-autopilot updates approve paperless', text: 'take what is held' },
  ],
  children: [listCommand, approveCommand, skipCommand, pinCommand, unpinCommand],
  whenBare: 'list',
};
