/** `backups guest`: the backups of a whole guest that its hypervisor keeps. */
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { guestBackupsLines } from '#cli/render/guest-backups.ts';
import { proofsOf } from '#cli/render/proofs.ts';
import { type Call, flag, word } from '#cli/spec.ts';

export async function listGuestBackups(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const service = word(call, 0);
  const found = await context.rooms.guestBackups(settings, service, context.interrupted);
  using history = await context.rooms.openHistory(settings);
  const { lastGuestDrill } = proofsOf(history?.lastDrills() ?? [], service);
  if (flag(call, 'json')) printJson(context, { service, ...found, lastDrill: lastGuestDrill });
  else {
    const view = { moment: momentOf(context, settings), style: context.terminal.style };
    printLines(context, guestBackupsLines({ ...found, lastDrill: lastGuestDrill }, view));
  }
  return EXIT.done;
}
