/** `up` and `worker`: start, say when all is ready, and go on until told to stop. */

import { settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import type { LongRun, Running } from '#cli/ports.ts';
import { duration } from '#cli/render/units.ts';
import { type Call, flag, given, text, usage, wholeNumber } from '#cli/spec.ts';
import { nearest } from '#kernel/nearest.ts';
import type { WorkerKind } from '#queue/names.ts';
import { WORKER_KINDS } from '#queue/names.ts';

export async function startAll(context: Context, call: Call): Promise<ExitStatus> {
  const port = wholeNumber(call, 'port', { min: 0, max: 65_535 });
  const settings = await settingsOf(context, call);
  tellWarnings(context, settings);
  await context.rooms.up(settings, {
    ...given('port', port),
    ui: call.options['ui'] !== false,
    ...longRun(context, call, context.now()),
  });
  return stopped(context);
}

export async function startWorker(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const host = hostOf(text(call, 'host') ?? settings.config.global.host, settings.config.hosts);
  const kinds = kindsOf(text(call, 'kinds'));
  tellWarnings(context, settings);
  await context.rooms.runWorker(settings, { host, kinds, ...longRun(context, call, context.now()) });
  return stopped(context);
}

function longRun(context: Context, call: Call, begun: Date): LongRun {
  const { terminal } = context;
  return {
    signal: context.interrupted,
    onReady: (running) => {
      for (const text of running.warnings) terminal.tell(`warning: redis: ${text}`);
      if (flag(call, 'json')) printJson(context, running);
      else printLines(context, readyLines(running, context.now().getTime() - begun.getTime()));
    },
    events: {
      onDeath: ({ name, how, restartInMs }) =>
        terminal.tell(`${name} ended (${how}); it is started again in ${duration(restartInMs)}`),
      onRestart: (name) => terminal.tell(`${name} runs again`),
    },
  };
}

function readyLines({ url, pids }: Running, ms: number): string[] {
  const names = Object.keys(pids).join(', ');
  return [
    `ready in ${duration(ms)}: ${names}`,
    ...(url === null ? [] : [`  ${url}`]),
    '  Ctrl-C stops everything in order; what is cut short goes on at the next start.',
  ];
}

/** A service manager stops us with SIGTERM, and that is a good end; Ctrl-C is an interruption. */
function stopped({ interrupted }: Context): ExitStatus {
  return interrupted.reason === 'SIGINT' ? EXIT.interrupted : EXIT.done;
}

function tellWarnings({ terminal }: Context, settings: Awaited<ReturnType<typeof settingsOf>>): void {
  for (const { file, line, message } of settings.config.warnings) terminal.tell(`warning: ${file}:${line}: ${message}`);
  for (const { file, message } of settings.problems) terminal.tell(`warning: plugin left out: ${file}: ${message}`);
}

function hostOf(name: string, hosts: readonly string[]): string {
  if (hosts.includes(name)) return name;
  const guess = nearest(name, hosts);
  const known = `There are: ${hosts.join(', ')}`;
  throw usage(`--host: there is no host "${name}"`, guess === undefined ? known : `Did you mean "${guess}"? ${known}`);
}

function kindsOf(list: string | undefined): readonly WorkerKind[] {
  if (list === undefined) return WORKER_KINDS;
  return list.split(',').map((name) => {
    const kind = WORKER_KINDS.find((known) => known === name.trim());
    if (kind === undefined) throw usage(`--kinds: there is no kind "${name}"`, `There are: ${WORKER_KINDS.join(', ')}`);
    return kind;
  });
}
