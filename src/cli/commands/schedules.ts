/** `schedules`: when things happen by themselves, and why they did not. */
import type { ArgumentSpec, CommandSpec } from '#cli/spec.ts';

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list the schedules, when each is due next, and what became of its last slot',
  json: true,
  examples: [{ line: 'homelab-autopilot schedules', text: 'all schedules' }],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).listSchedules(context, call),
};

const nextCommand: CommandSpec = {
  name: 'next',
  summary: 'list what is due in the coming days, in order, and what of it will be skipped',
  options: [{ flags: '--days <n>', text: 'how many days ahead (default: 7)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot schedules next', text: 'the coming week' },
    { line: 'homelab-autopilot schedules next --days 1', text: 'the coming 24 hours' },
  ],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).nextFires(context, call),
};

const logCommand: CommandSpec = {
  name: 'log',
  summary: 'list what became of each slot, the newest first: ran, caught up, skipped or missed, and why',
  details: 'Every time at which a schedule was due is here, with its one disposition. It needs no controller.',
  options: [
    { flags: '--schedule <id>', text: 'of this schedule alone' },
    { flags: '--service <name>', text: 'of this service alone' },
    { flags: '--limit <n>', text: 'how many (default: 30)' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot schedules log', text: 'what became of the last ones' },
    { line: 'homelab-autopilot schedules log --service notes', text: 'why did notes not run on Tuesday?' },
  ],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).scheduleLog(context, call),
};

const idArgument: ArgumentSpec = { name: '<id>', text: 'the schedule, as `schedules` lists it' };

const pauseCommand: CommandSpec = {
  name: 'pause',
  summary: 'stop a schedule until it is resumed; what is due meanwhile is skipped',
  arguments: [idArgument],
  json: true,
  examples: [{ line: 'homelab-autopilot schedules pause backup.notes', text: 'no backups of notes for now' }],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).pauseSchedule(context, call),
};

const resumeCommand: CommandSpec = {
  name: 'resume',
  summary: 'let a paused schedule go on, from its next slot',
  arguments: [idArgument],
  json: true,
  examples: [{ line: 'homelab-autopilot schedules resume backup.notes', text: 'backups of notes again' }],
  run: async (context, call) => (await import('#cli/actions/schedules.ts')).resumeSchedule(context, call),
};

export const schedulesCommand: CommandSpec = {
  name: 'schedules',
  summary: 'schedules: what is due next, and what became of what was due',
  examples: [
    { line: 'homelab-autopilot schedules', text: 'all schedules' },
    { line: 'homelab-autopilot schedules next --days 2', text: 'what is due' },
    { line: 'homelab-autopilot schedules log', text: 'what ran, what did not, and why' },
  ],
  children: [listCommand, nextCommand, logCommand, pauseCommand, resumeCommand],
  whenBare: 'list',
};
