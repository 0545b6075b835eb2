/** `services`, `status`, `check`: the state of things at a glance. */
import type { CommandSpec } from '#cli/spec.ts';

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list the services: state, version, last backup, uptime',
  details:
    'Lists the services. The state is what monitoring knows; of a service that nothing is checked of, its own plugin is asked on this host. The version is asked on this host too.',
  json: true,
  examples: [
    { line: 'homelab-autopilot services', text: 'all services' },
    { line: 'homelab-autopilot services --json', text: 'for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/services.ts')).listServices(context, call),
};

const showCommand: CommandSpec = {
  name: 'show',
  summary: 'show one service: its checks, uptime, incidents, backups and runs',
  arguments: [{ name: '<name>', text: 'name of the service' }],
  json: true,
  examples: [{ line: 'homelab-autopilot services show paperless', text: 'all that is known of it' }],
  run: async (context, call) => (await import('#cli/actions/show-service.ts')).showService(context, call),
};

export const servicesCommand: CommandSpec = {
  name: 'services',
  summary: 'services: state, version, last backup, uptime',
  examples: [
    { line: 'homelab-autopilot services', text: 'all services' },
    { line: 'homelab-autopilot services show paperless', text: 'one of them' },
  ],
  children: [listCommand, showCommand],
  whenBare: 'list',
};

export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'one page: what is down, what runs now, last night, what is next',
  details:
    'Shows on one page what is down, what runs now, what ended in the last 24 hours, and what is due next. Read from the state file of this machine; needs neither Redis nor the controller.',
  json: true,
  examples: [
    { line: 'homelab-autopilot status', text: 'with the first coffee' },
    { line: 'homelab-autopilot status --json', text: 'for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/status.ts')).showStatus(context, call),
};

export const beatCommand: CommandSpec = {
  name: 'beat',
  summary: 'report that something which must report every so often has done its work',
  details:
    'For a `type: heartbeat` of `monitor:`. Call it at the end of the script that is watched, here or on any machine that reaches the same Redis. It prints nothing; exit status 3 when nobody could hear it.',
  arguments: [{ name: '<name>', text: 'name of the heartbeat' }],
  examples: [
    { line: 'homelab-autopilot beat offsite-copy', text: 'at the end of a script' },
    { line: 'ssh homelab homelab-autopilot beat offsite-copy', text: 'from a machine without it' },
  ],
  run: async (context, call) => (await import('#cli/actions/beat.ts')).reportBeat(context, call),
};

export const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'ask the checks of services now; exit status 1 when one is bad',
  details:
    'Has the worker of each host ask the checks of its services now, and prints what they answered. It does not count for monitoring. Heartbeats cannot be asked: of these it tells, on the machine of the controller, when they reported and until when they are due. Exit status 1 when a check is bad or could not be asked, or a heartbeat is missed or not listened for.',
  arguments: [{ name: '[service...]', text: 'names of services (default: all)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot check', text: 'everything' },
    { line: 'homelab-autopilot check paperless --json', text: 'one service, for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/check.ts')).checkServices(context, call),
};
