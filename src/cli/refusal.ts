/** Wrong use of the command line, told in the words of the product. */
import type { Command, CommanderError } from 'commander';
import { usage } from '#cli/spec.ts';
import { nearest } from '#kernel/nearest.ts';

/** Help or version was printed: nothing is wrong with what was typed. */
const SERVED: ReadonlySet<string> = new Set(['commander.helpDisplayed', 'commander.version', 'commander.help']);

/**
 * @param bare whether the command is what its parent means when no command is named: a word too many may be a command
 *   that was mistyped.
 * @returns the commander error itself when help or version was served, an AutopilotError HA_USAGE otherwise.
 */
export function refusal(error: CommanderError, command: Command, bare: boolean): Error {
  if (SERVED.has(error.code)) return error;
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const [message, place, guess] =
    error.code === 'commander.excessArguments'
      ? tooMany(command, bare)
      : [first.replaceAll("'", '"'), command, commanderGuess(rest)];
  const help = `See  ${pathOf(place)} --help`;
  return usage(message, guess === undefined ? help : `Did you mean "${guess}"? ${help}`);
}

function tooMany(command: Command, bare: boolean): [message: string, place: Command, guess: string | undefined] {
  if (!bare || command.parent === null) {
    return [`one argument too many: "${command.args[command.registeredArguments.length]}"`, command, undefined];
  }
  const [odd = ''] = command.args;
  const commands = command.parent.commands.map((sibling) => sibling.name());
  return [`unknown command "${odd}"`, command.parent, nearest(odd, commands)];
}

function commanderGuess(lines: readonly string[]): string | undefined {
  return /Did you mean (?:one of )?([^,?)]+)/.exec(lines.join(' '))?.[1];
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
