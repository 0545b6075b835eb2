/** `up` and `worker`: what runs for long. */
import type { CommandSpec } from '#cli/spec.ts';

export const upCommand: CommandSpec = {
  name: 'up',
  summary: 'start everything on this machine, supervised',
  details:
    'Starts the controller, the workers of this host and, unless redis.url is set, a private Redis. Tells when all is ready, and goes on until Ctrl-C or SIGTERM.',
  options: [
    { flags: '--no-ui', text: 'without the web interface' },
    { flags: '--port <n>', text: 'port of the web interface (default: 8420; 0: any free one)' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot up', text: 'until Ctrl-C' },
    { line: 'homelab-autopilot up --port 8080', text: 'web interface on port 8080' },
    { line: 'homelab-autopilot up --no-ui', text: 'without a web interface' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/up.ts')).startAll(context, call),
};

export const workerCommand: CommandSpec = {
  name: 'worker',
  summary: 'start the workers of one host, joined through Redis',
  details:
    'Runs the steps of the services that live on one host. The configuration must name the Redis that the controller uses (redis.url).',
  options: [
    { flags: '--host <name>', text: 'the host of the configuration that this machine is' },
    { flags: '--kinds <list>', text: 'only these kinds of workers: service, hypervisor, notification' },
  ],
  json: true,
  examples: [
    { line: 'homelab-autopilot worker --host docker-1', text: 'serves docker-1' },
    { line: 'homelab-autopilot worker --host nas --kinds service', text: 'the steps of its services alone' },
  ],
  endsInOrder: true,
  run: async (context, call) => (await import('#cli/actions/up.ts')).startWorker(context, call),
};
