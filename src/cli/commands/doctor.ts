/** `doctor`: what this machine needs, and whether it is there. */
import type { CommandSpec } from '#cli/spec.ts';

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'check tools, permissions, Redis, destinations, channels, disk and clock',
  details:
    'Checks what Homelab Autopilot needs on this machine. Each line says what was found and what to do. Exit status 1 when something is broken; a warning alone is not.',
  json: true,
  examples: [
    { line: 'homelab-autopilot doctor', text: 'everything' },
    { line: 'homelab-autopilot doctor --json', text: 'for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/doctor.ts')).doctor(context, call),
};
