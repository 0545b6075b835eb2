/** `rehearse`: tries an update, and every way back from it, on a copy. */
import type { CommandSpec } from '#cli/spec.ts';

export const rehearseCommand: CommandSpec = {
  name: 'rehearse',
  summary: 'break the update of a copy of a service in every way, and prove that it comes back each time',
  details:
    'Copies a docker-compose service of this host from its newest backup, shut off from everything; updates the copy with the real update workflow, breaks that in several ways (a full disk, an image that does not start, one that destroys data, a failed migration, kill -9 in each step), and looks each time whether image, configuration and data are as before. The service itself is not touched, and nothing is left.',
  arguments: [{ name: '<service>', text: 'name of the service' }],
  options: [
    { flags: '--to <version>', text: 'the version to practise with (default: the one that an update would take)' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot rehearse paperless', text: 'before the first update that nobody watches' },
    {
      line: 'homelab-autopilot rehearse paperless --to 3.0 --json',
      text: 'with a version of your choice, for scripts',
    },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/rehearse.ts')).rehearseUpdate(context, call),
};
