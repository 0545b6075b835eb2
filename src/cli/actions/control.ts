/** `runs retry` and `runs cancel`. */
import { followRuns } from '#cli/actions/follow-runs.ts';
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { runHeader } from '#cli/render/run-header.ts';
import { acceptedLines, retryLines } from '#cli/render/runs.ts';
import { type Call, flag, text, word } from '#cli/spec.ts';

export async function retryRun(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const { terminal } = context;
  const json = flag(call, 'json');
  const from = text(call, 'from') ?? null;
  await using controller = await context.rooms.connectController(settings);
  const preview = await controller.retryPreview(word(call, 0), from);
  for (const line of retryLines(preview)) terminal.tell(line);
  if (!flag(call, 'yes') && terminal.ask !== null && !(await terminal.ask('Go ahead?'))) {
    terminal.tell('Nothing was started.');
    return EXIT.done;
  }
  const run = await controller.retry(preview.run.id, from);
  if (flag(call, 'wait')) {
    return await followRuns(context, { settings, controller, runs: [run], json, branches: new Map() });
  }
  if (json) printJson(context, { runs: [run] });
  else printLines(context, acceptedLines([run], null, momentOf(context, settings)));
  return EXIT.done;
}

export async function cancelRun(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  await using controller = await context.rooms.connectController(settings);
  const run = await controller.cancel(word(call, 0));
  if (flag(call, 'json')) printJson(context, run);
  else {
    printLines(context, [
      `stopping: ${runHeader(run, context.terminal.style)}`,
      '  What it has begun is put back first; see  homelab-autopilot runs show ' + run.id.slice(0, 4),
    ]);
  }
  return EXIT.done;
}
