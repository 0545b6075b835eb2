/** The command probe: a command of the user's that ends with status 0. */
import { z } from 'zod';
import { Command } from '#sdk/command.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout } from '#sdk/probes/settings.ts';
import type { Argv, Tools } from '#sdk/tools.ts';

export const CommandProbe = z.strictObject({
  type: z.literal('command'),
  command: Command.describe('Good when it ends with status 0'),
  timeout,
});

export async function askCommand(tools: Tools, question: { command: Argv; timeoutMs: number }): Promise<Seen> {
  // What goes wrong is told by the error, and the caller makes it the detail of a probe that is not good.
  await tools.exec(question.command, { timeoutMs: question.timeoutMs });
  return { ok: true, detail: 'ended with status 0' };
}
