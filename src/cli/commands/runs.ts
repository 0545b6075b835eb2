/** `runs`: history and control. */
import type { CommandSpec } from '#cli/spec.ts';

const ID = { name: '<id>', text: 'id of a run, or the beginning of it' };

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list runs, newest first',
  details: 'Lists runs, newest first. When no controller answers, the history comes from the state file.',
  options: [
    { flags: '--service <name>', text: 'runs of this service' },
    { flags: '--workflow <name>', text: 'runs of this workflow' },
    {
      flags: '--status <status>',
      text: 'queued, running, succeeded, skipped, failed, rolled_back, cancelled, needs_attention',
    },
    { flags: '--limit <n>', text: 'at most this many (default: 20)' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot runs', text: 'the newest runs' },
    { line: 'homelab-autopilot runs --status failed', text: 'what went wrong' },
    { line: 'homelab-autopilot runs --service notes --limit 5', text: 'of one service' },
  ],
  run: async (context, call) => (await import('#cli/actions/runs.ts')).listRuns(context, call),
};

const showCommand: CommandSpec = {
  name: 'show',
  summary: 'show one run: its steps, and what happened',
  arguments: [ID],
  json: true,
  examples: [
    { line: 'homelab-autopilot runs show b7k2', text: 'steps and story' },
    { line: 'homelab-autopilot runs show b7k2 --json', text: 'for scripts' },
  ],
  run: async (context, call) => (await import('#cli/actions/runs.ts')).showRun(context, call),
};

const logsCommand: CommandSpec = {
  name: 'logs',
  summary: 'print the log of a run',
  arguments: [ID],
  options: [
    { flags: '-f, --follow', text: 'go on until the run has ended' },
    { flags: '--step <step>', text: 'lines of this step alone' },
    { flags: '--json', text: 'print one JSON object a line' },
  ],
  examples: [
    { line: 'homelab-autopilot runs logs b7k2', text: 'all of it' },
    { line: 'homelab-autopilot runs logs b7k2 --follow', text: 'as it is written' },
    { line: 'homelab-autopilot runs logs b7k2 --step capture', text: 'one step' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/logs.ts')).runLogs(context, call),
};

const retryCommand: CommandSpec = {
  name: 'retry',
  summary: 'do an ended run again, from the step that failed',
  details:
    'Starts a new run that takes over the results of the steps before the one that failed. Shows first what would run again.',
  arguments: [ID],
  options: [
    { flags: '--from <step>', text: 'the step to begin with (default: the first that failed)' },
    { flags: '-y, --yes', text: 'do not ask' },
    { flags: '--wait', text: 'follow the new run and exit by its outcome' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot runs retry d4x1', text: 'from where it failed' },
    { line: 'homelab-autopilot runs retry d4x1 --from copy-vault', text: 'from this step' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/control.ts')).retryRun(context, call),
};

const cancelCommand: CommandSpec = {
  name: 'cancel',
  summary: 'stop a run; what it changed is put back',
  arguments: [ID],
  json: true,
  examples: [{ line: 'homelab-autopilot runs cancel b7k2', text: 'stops it in order' }],
  run: async (context, call) => (await import('#cli/actions/control.ts')).cancelRun(context, call),
};

export const runsCommand: CommandSpec = {
  name: 'runs',
  summary: 'history of runs, their logs, retry and cancel',
  examples: [
    { line: 'homelab-autopilot runs', text: 'the newest runs' },
    { line: 'homelab-autopilot runs --status failed', text: 'what went wrong' },
    { line: 'homelab-autopilot runs show b7k2', text: 'one run' },
  ],
  children: [listCommand, showCommand, logsCommand, retryCommand, cancelCommand],
  whenBare: 'list',
};
