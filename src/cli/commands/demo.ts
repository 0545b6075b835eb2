/** `demo`: a small homelab in a temporary folder. */
import type { CommandSpec } from '#cli/spec.ts';

export const demoCommand: CommandSpec = {
  name: 'demo',
  summary: 'back up and restore a small homelab in a temporary folder',
  details:
    'Starts a small real service in a temporary folder, backs it up, destroys its data, restores it, and checks that it answers as before. Touches nothing else and cleans up.',
  options: [{ flags: '--keep', text: 'keep it running at the end, to look around' }],
  examples: [
    { line: 'homelab-autopilot demo', text: 'about a minute' },
    { line: 'homelab-autopilot demo --keep', text: 'and look around' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/demo.ts')).demo(context, call),
};
