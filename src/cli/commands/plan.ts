/** `plan`: what would happen. */
import { INPUT_OPTION } from '#cli/commands/enqueue.ts';
import type { CommandSpec } from '#cli/spec.ts';

export const planCommand: CommandSpec = {
  name: 'plan',
  summary: 'show what a run would do, step by step',
  details:
    'Prints the steps of a run in order: what each does, what stops and for how long, how it is undone, how long it took last time. Changes nothing.',
  arguments: [
    { name: '<workflow>', text: 'backup, update, rollback, restore, restore-guest' },
    { name: '<service>', text: 'a service of the configuration' },
  ],
  options: [INPUT_OPTION],
  json: true,
  examples: [
    { line: 'homelab-autopilot plan backup notes', text: 'the steps of a backup' },
    { line: 'homelab-autopilot plan backup notes --json', text: 'the plan as it would be stored' },
  ],
  run: async (context, call) => (await import('#cli/actions/plan.ts')).plan(context, call),
};
