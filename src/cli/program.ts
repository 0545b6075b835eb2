/** Turns the command specs into a commander program. */
import { Command, type CommanderError, Option } from 'commander';
import type { Context } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { helpTail } from '#cli/help.ts';
import { refusal } from '#cli/refusal.ts';
import { type Call, type CommandSpec, JSON_OPTION, type OptionSpec } from '#cli/spec.ts';

export const PROGRAM_NAME = 'homelab-autopilot';

export interface ProgramOptions {
  version: string;
  commands: readonly CommandSpec[];
  context: Context;
  /** Gets the exit status of the command that ran. */
  finish: (status: ExitStatus) => void;
}

/** Options that every command takes. */
export const PROGRAM_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--config <file>',
    text: 'configuration file (default: $HOMELAB_AUTOPILOT_CONFIG, ./homelab-autopilot.yaml, the system path)',
  },
];

export function buildProgram(options: ProgramOptions): Command {
  const { terminal } = options.context;
  const program = new Command(PROGRAM_NAME)
    .description('Backs up and restores the services of a homelab, from one YAML file.')
    .version(options.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf })
    .helpCommand('help [command]', 'print help for a command')
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.tell(text.trimEnd()),
      // Errors are thrown, and told by whoever catches them.
      outputError: () => {},
      getOutHelpWidth: () => terminal.size().columns,
      getErrHelpWidth: () => terminal.size().columns,
    });
  for (const option of PROGRAM_OPTIONS) addOption(program, option);
  program.exitOverride((error) => refuse(error, program));
  for (const spec of options.commands) program.addCommand(commandOf(spec, program, options));
  return program;
}

function commandOf(spec: CommandSpec, parent: Command, options: ProgramOptions): Command {
  const command = new Command(spec.name)
    .copyInheritedSettings(parent)
    .summary(spec.summary)
    .description(spec.details ?? sentence(spec.summary));
  command.exitOverride((error) => refuse(error, command));
  for (const { name, text, choices } of spec.arguments ?? []) {
    const argument = command.createArgument(name, text);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  for (const option of spec.options ?? []) addOption(command, option);
  if (spec.json === true) addOption(command, JSON_OPTION);
  command.addHelpText('after', helpTail(spec));
  for (const child of spec.children ?? []) {
    const bare = child.name === spec.whenBare;
    const sub = commandOf(child, command, options);
    if (bare) sub.exitOverride((error) => refuse(error, sub, bare));
    command.addCommand(sub, { isDefault: bare });
  }
  if (spec.children !== undefined) command.helpCommand(false);
  const { run } = spec;
  if (run !== undefined) {
    command.action(async () => {
      const work = run(options.context, callOf(command));
      options.finish(await (spec.endsInOrder === true ? work : orInterrupted(work, options.context.interrupted)));
    });
  }
  return command;
}

/** Whoever only looks at something need not wait for the answer when Ctrl-C was typed. */
async function orInterrupted(work: Promise<ExitStatus>, interrupted: AbortSignal): Promise<ExitStatus> {
  const { promise, resolve } = Promise.withResolvers<ExitStatus>();
  const leave = () => resolve(EXIT.interrupted);
  interrupted.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    interrupted.removeEventListener('abort', leave);
    // It goes on for a moment, but nobody waits for its failure any more.
    work.catch(() => undefined);
  }
}

/** Without the `[options]` that every command has. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...words].join(' ');
}

function addOption(command: Command, { flags, text, many }: OptionSpec): void {
  const option = new Option(flags, text);
  if (many === true) option.argParser((value, before: string[] | undefined) => [...(before ?? []), value]);
  command.addOption(option);
}

function callOf(command: Command): Call {
  return {
    words: command.processedArgs.flat().filter((word) => word !== undefined),
    options: command.optsWithGlobals(),
  };
}

function refuse(error: CommanderError, command: Command, bare = false): never {
  throw refusal(error, command, bare);
}

function sentence(summary: string): string {
  return `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`;
}
