/** `schedules`: when things happen by themselves. */
import type { CommandSpec } from '#cli/spec.ts';

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list the schedules and when each is due next',
  json: true,
  examples: [{ line: 'homelab-autopilot schedules', text: 'all schedules' }],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).listSchedules(context, call),
};

const nextCommand: CommandSpec = {
  name: 'next',
  summary: 'list what is due in the coming days, in order',
  options: [{ flags: '--days <n>', text: 'how many days ahead (default: 7)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot schedules next', text: 'the coming week' },
    { line: 'homelab-autopilot schedules next --days 1', text: 'the coming 24 hours' },
  ],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).nextFires(context, call),
};

export const schedulesCommand: CommandSpec = {
  name: 'schedules',
  summary: 'schedules, and what is due next',
  examples: [
    { line: 'homelab-autopilot schedules', text: 'all schedules' },
    { line: 'homelab-autopilot schedules next --days 2', text: 'what is due' },
  ],
  children: [listCommand, nextCommand],
  whenBare: 'list',
};
