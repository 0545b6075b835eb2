/** `check`: what the checks of services answer now. */
import { settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { checksTable } from '#cli/render/health.ts';
import { type Call, flag } from '#cli/spec.ts';

export async function checkServices(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const checks = await context.rooms.askChecks(settings, { services: call.words, signal: context.interrupted });
  if (flag(call, 'json')) printJson(context, { checks });
  else printLines(context, checksTable(checks, context.terminal.style));
  return checks.every(({ state }) => state === 'good') ? EXIT.done : EXIT.failed;
}
