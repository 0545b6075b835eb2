/** `updates list`: what runs, what is newer, and why it is taken or not. */
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { limitLines, updatesTable } from '#cli/render/updates.ts';
import { type Call, flag } from '#cli/spec.ts';

export async function listUpdates(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const report = await context.rooms.checkUpdates(settings, { services: call.words, signal: context.interrupted });
  if (flag(call, 'json')) {
    printJson(context, report);
    return EXIT.done;
  }
  const moment = momentOf(context, settings);
  printLines(context, updatesTable(report.services, { moment, style: context.terminal.style }));
  for (const line of limitLines(report.limits, moment)) context.terminal.tell(line);
  return EXIT.done;
}
