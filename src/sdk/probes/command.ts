/** The command probe: a command of the user's that ends with status 0. */
import { z } from 'zod';
import { Command } from '#sdk/command.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

export const CommandProbe = z.strictObject({
  type: z.literal('command'),
  command: Command.describe('Good when it ends with status 0'),
  timeout,
});

type CommandProbe = z.output<typeof CommandProbe>;

export async function askCommand(tools: Tools, probe: CommandProbe): Promise<Seen> {
  // What goes wrong is told by the error, and the caller makes it the detail of a probe that is not good.
  await tools.exec(probe.command, { timeoutMs: milliseconds(probe.timeout) });
  return { ok: true, detail: 'ended with status 0' };
}
