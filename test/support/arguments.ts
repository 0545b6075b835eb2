/** The command lines of our own long-running scripts: `--help`, and an error for what they do not take. */
import { Command, InvalidArgumentError } from 'commander';

const USAGE = 2;

/** @param script as in `npm run <script>`. */
export function script(name: string, description: string): Command {
  return new Command(`npm run ${name} --`)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError('--help tells what it takes')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE));
}

/** Reads a whole number that is not below `least`. */
export function atLeast(least: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
    throw new InvalidArgumentError(`It takes a whole number from ${least} on.`);
  };
}
