/** The command probe: a command of the user's that ends with status 0. */
import type { Seen } from '#sdk/probes/seen.ts';
import type { Argv, Tools } from '#sdk/tools.ts';

export async function askCommand(tools: Tools, question: { command: Argv; timeoutMs: number }): Promise<Seen> {
  // What goes wrong is told by the error, and the caller makes it the detail of a probe that is not good.
  await tools.exec(question.command, { timeoutMs: question.timeoutMs });
  return { ok: true, detail: 'ended with status 0' };
}
