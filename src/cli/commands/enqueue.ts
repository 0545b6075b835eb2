/** `enqueue`: asks for runs. */
import type { CommandSpec, OptionSpec } from '#cli/spec.ts';

export const INPUT_OPTION: OptionSpec = {
  flags: '--input <key=value>',
  text: 'input of the workflow; the value is JSON or else plain text (repeatable)',
  many: true,
};

export const enqueueCommand: CommandSpec = {
  name: 'enqueue',
  summary: 'ask for runs of a workflow',
  details:
    'Asks the controller for runs. A run is accepted when its id is printed, and then goes on whatever happens to this terminal. With --wait the exit status tells the outcome: 0 when every run succeeded or had nothing to do, 1 otherwise.',
  arguments: [
    { name: '<workflow>', text: 'what to do: backup, update, rollback, restore, restore-guest, drill, heal' },
    { name: '[service...]', text: 'the services to do it with' },
  ],
  options: [
    { flags: '--all', text: 'every service that the workflow applies to' },
    INPUT_OPTION,
    { flags: '--dry-run', text: 'print the plan and change nothing' },
    { flags: '--wait', text: 'follow the runs and exit by their outcome' },
    { flags: '--at <time>', text: 'not before: HH:MM, YYYY-MM-DD HH:MM, or ISO 8601 with an offset' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot enqueue backup notes', text: 'back up now' },
    { line: 'homelab-autopilot enqueue backup notes --wait', text: 'and watch' },
    { line: 'homelab-autopilot enqueue backup --all --at 02:30', text: 'all services, tonight' },
    { line: 'homelab-autopilot enqueue backup notes --dry-run', text: 'what would happen' },
    {
      line: 'homelab-autopilot enqueue update notes --wait',
      text: 'to the newest allowed version, or back to this one',
    },
    { line: 'homelab-autopilot enqueue rollback notes --input to=p9f4', text: 'to a restore point' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/enqueue.ts')).enqueue(context, call),
};
