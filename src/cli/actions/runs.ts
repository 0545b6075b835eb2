/** `runs list` and `runs show`. */

import { askHistory } from '#cli/actions/history.ts';
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { runDetailLines, runsTable } from '#cli/render/runs.ts';
import { type Call, flag, given, text, usage, wholeNumber, word } from '#cli/spec.ts';
import type { RunStatus } from '#engine/run.ts';
import { RUN_STATUSES } from '#engine/run.ts';
import { nearest } from '#kernel/nearest.ts';

export async function listRuns(context: Context, call: Call): Promise<ExitStatus> {
  const query = {
    ...given('service', text(call, 'service')),
    ...given('workflow', text(call, 'workflow')),
    ...given('status', statusOf(text(call, 'status'))),
    limit: wholeNumber(call, 'limit', { min: 1, max: 10_000 }) ?? 20,
  };
  const settings = await settingsOf(context, call);
  const runs = await askHistory(context, settings, (history) => history.runs(query));
  if (flag(call, 'json')) printJson(context, { runs });
  else printLines(context, runsTable(runs, { moment: momentOf(context, settings), style: context.terminal.style }));
  return EXIT.done;
}

export async function showRun(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const run = await askHistory(context, settings, (history) => history.run(word(call, 0)));
  if (flag(call, 'json')) printJson(context, run);
  else {
    const { style, size } = context.terminal;
    printLines(context, runDetailLines(run, { moment: momentOf(context, settings), style, columns: size().columns }));
  }
  return EXIT.done;
}

function statusOf(name: string | undefined): RunStatus | undefined {
  if (name === undefined) return undefined;
  const status = RUN_STATUSES.find((known) => known === name.replaceAll(' ', '_'));
  if (status !== undefined) return status;
  const guess = nearest(name, RUN_STATUSES);
  const known = `There are: ${RUN_STATUSES.join(', ')}`;
  throw usage(
    `--status: there is no status "${name}"`,
    guess === undefined ? known : `Did you mean "${guess}"? ${known}`,
  );
}
