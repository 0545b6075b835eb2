/** `beat`: something outside reports that it lives. */
import { settingsOf } from '#cli/actions/settings.ts';
import type { Context } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { type Call, word } from '#cli/spec.ts';

/** Says nothing: what calls it every hour would mail each line to somebody. */
export async function reportBeat(context: Context, call: Call): Promise<ExitStatus> {
  await context.rooms.beat(await settingsOf(context, call), word(call, 0));
  return EXIT.done;
}
