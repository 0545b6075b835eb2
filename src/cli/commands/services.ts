/** `services`: the state of things at a glance. */
import type { CommandSpec } from '#cli/spec.ts';

export const servicesCommand: CommandSpec = {
  name: 'services',
  summary: 'services: state, version, last backup',
  details:
    'Lists the services with their state, version and last backup. State and version are asked on this host; a service of another host is shown as unknown here.',
  json: true,
  examples: [
    { line: 'homelab-autopilot services', text: 'all services' },
    { line: 'homelab-autopilot services --json', text: 'for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/services.ts')).listServices(context, call),
};
