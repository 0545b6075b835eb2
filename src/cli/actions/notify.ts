/** `notify test` and `notify log`. */
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { notificationLines, testLines } from '#cli/render/notifications.ts';
import { type Call, flag, usage, wholeNumber } from '#cli/spec.ts';

export async function testNotifications(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  if (settings.config.notifications.channels.length === 0) {
    throw usage('no channel is configured', 'Name one under  notifications.channels  in the configuration');
  }
  const options = { name: call.words[0], signal: context.interrupted };
  const results = await context.rooms.testChannels(settings, options);
  if (flag(call, 'json')) printJson(context, { channels: results });
  else printLines(context, testLines(results, context.terminal.style));
  return results.every(({ delivered }) => delivered) ? EXIT.done : EXIT.failed;
}

export async function notificationLog(context: Context, call: Call): Promise<ExitStatus> {
  const limit = wholeNumber(call, 'limit', { min: 1, max: 10_000 }) ?? 20;
  const settings = await settingsOf(context, call);
  using log = await context.rooms.openOutboxLog(settings);
  const entries = log?.entries(limit) ?? [];
  const troubled = log?.troubled() ?? [];
  if (flag(call, 'json')) {
    const notifications = entries.map(({ seq: _seq, message, ...rest }) => ({ ...message, ...rest }));
    printJson(context, { notifications, troubledChannels: troubled });
  } else {
    const shown = { moment: momentOf(context, settings), style: context.terminal.style };
    printLines(context, notificationLines({ entries, troubled }, shown));
  }
  return EXIT.done;
}
