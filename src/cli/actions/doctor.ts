/** `doctor`: prints the findings. */
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { findingLines } from '#cli/render/findings.ts';
import { type Call, flag, given, text } from '#cli/spec.ts';

export async function doctor(context: Context, call: Call): Promise<ExitStatus> {
  const findings = await context.rooms.doctor({
    ...given('config', text(call, 'config')),
    signal: context.interrupted,
  });
  const healthy = findings.every(({ status }) => status !== 'broken');
  if (flag(call, 'json')) printJson(context, { healthy, findings });
  else printLines(context, findingLines(findings, context.terminal.style));
  return healthy ? EXIT.done : EXIT.failed;
}
