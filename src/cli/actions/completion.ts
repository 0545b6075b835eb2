/** `completion`: prints a completion script. */

import { SHELLS } from '#cli/commands/completion.ts';
import { commands } from '#cli/commands/index.ts';
import { completionScript } from '#cli/completion.ts';
import type { Context } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { type Call, usage, word } from '#cli/spec.ts';

export async function printCompletion(context: Context, call: Call): Promise<ExitStatus> {
  const shell = SHELLS.find((known) => known === word(call, 0));
  if (shell === undefined)
    throw usage(`there is no completion for "${word(call, 0)}"`, `There are: ${SHELLS.join(', ')}`);
  context.terminal.write(completionScript(shell, commands));
  return EXIT.done;
}
