/** `--wait`: shows runs as they go on, and turns their outcome into an exit status. */
import type { Settings } from '#app/settings.ts';
import { momentOf } from '#cli/actions/settings.ts';
import { type Context, printJson } from '#cli/context.ts';
import { type Display, type DisplayOptions, liveDisplay, plainDisplay, silentDisplay } from '#cli/display.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { shortIds } from '#cli/render/ids.ts';
import { watchRuns } from '#cli/watch.ts';
import type { RemoteController } from '#engine/requests.ts';
import type { RunView } from '#engine/run.ts';

export interface Following {
  settings: Settings;
  controller: RemoteController;
  runs: readonly RunView[];
  json: boolean;
  branches: DisplayOptions['branches'];
}

export async function followRuns(context: Context, following: Following): Promise<ExitStatus> {
  const ids = following.runs.map(({ id }) => id);
  const ended = await shown(context, following, ids);
  if (ended === null) {
    for (const line of goesOnLines(ids)) context.terminal.tell(line);
    return EXIT.interrupted;
  }
  if (following.json) printJson(context, { runs: ended });
  // One that was never begun, because what its service depends on did not go well, had something to do.
  const good = ended.every(
    ({ status, startedAt }) => status === 'succeeded' || (status === 'skipped' && startedAt !== null),
  );
  return good ? EXIT.done : EXIT.failed;
}

async function shown(context: Context, following: Following, ids: readonly string[]) {
  using display = displayOf(context, following);
  return await watchRuns(following.controller, ids, { display, signal: context.interrupted });
}

function displayOf(context: Context, { settings, json, branches }: Following): Display {
  if (json) return silentDisplay();
  const options = { moment: momentOf(context, settings), branches };
  return context.terminal.live ? liveDisplay(context, options) : plainDisplay(context, options);
}

function goesOnLines(ids: readonly string[]): string[] {
  const short = shortIds(ids);
  const [first = ''] = ids;
  return [
    ids.length === 1 ? `Run ${short(first)} goes on.` : `The runs ${ids.map(short).join(', ')} go on.`,
    `  Follow it:  homelab-autopilot runs logs ${short(first)} --follow`,
    `  Stop it:    homelab-autopilot runs cancel ${short(first)}`,
  ];
}
