/** One call of the command line, from its words to its exit status. */
import { CommanderError } from 'commander';
import { commands } from '#cli/commands/index.ts';
import type { Context } from '#cli/context.ts';
import { EXIT, type ExitStatus, exitStatusOf } from '#cli/exit.ts';
import { buildProgram } from '#cli/program.ts';
import { errorLines } from '#cli/render/error.ts';
import { AutopilotError } from '#kernel/errors.ts';

/** @param words what was typed behind the program's name. */
export async function runCli(words: readonly string[], version: string, context: Context): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.done;
  const program = buildProgram({
    version,
    commands,
    context,
    finish: (final) => {
      status = final;
    },
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return status;
  } catch (error) {
    // `homelab-autopilot config` alone asks for nothing: the help was shown on stderr, but nothing was done.
    if (error instanceof CommanderError) return error.code === 'commander.help' ? EXIT.usage : EXIT.done;
    return told(error, context);
  }
}

function told(error: unknown, context: Context): ExitStatus {
  if (context.interrupted.aborted && isAbort(error)) return EXIT.interrupted;
  const debug = (context.env['HOMELAB_AUTOPILOT_DEBUG'] ?? '') !== '';
  for (const line of errorLines(error, context.terminal.style, debug)) context.terminal.tell(line);
  return error instanceof AutopilotError ? exitStatusOf(error.code) : EXIT.failed;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
