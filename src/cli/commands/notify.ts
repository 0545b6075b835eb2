/** `notify`: whether the channels work, and what was sent. */
import type { CommandSpec } from '#cli/spec.ts';

const testCommand: CommandSpec = {
  name: 'test',
  summary: 'send a test message now',
  details:
    'Sends a message now, from this machine, through the channel, or through all when none is named. Exit status 1 when one was not taken, with the reason.',
  arguments: [{ name: '[channel]', text: 'name of a channel (default: all)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot notify test', text: 'every channel' },
    { line: 'homelab-autopilot notify test mail', text: 'one channel' },
  ],
  run: async (context, call) => (await import('#cli/actions/notify.ts')).testNotifications(context, call),
};

const logCommand: CommandSpec = {
  name: 'log',
  summary: 'list what was sent, waits, was held back or could not be sent',
  details:
    'Lists messages, newest first, one line for each channel. It is read from the state file of the controller, so it is there for the machine that runs it.',
  options: [{ flags: '--limit <n>', text: 'at most this many (default: 20)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot notify log', text: 'the newest messages' },
    { line: 'homelab-autopilot notify log --json', text: 'whole texts, for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/notify.ts')).notificationLog(context, call),
};

export const notifyCommand: CommandSpec = {
  name: 'notify',
  summary: 'test the channels, and what was sent through them',
  examples: [
    { line: 'homelab-autopilot notify test mail', text: 'try a channel' },
    { line: 'homelab-autopilot notify log', text: 'what was sent' },
  ],
  children: [testCommand, logCommand],
  whenBare: 'log',
};
