/** `enqueue`: asks for runs, and follows them when that is wanted. */
import type { Settings } from '#app/settings.ts';
import { followRuns } from '#cli/actions/follow-runs.ts';
import { previewRuns } from '#cli/actions/plan.ts';
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import type { DisplayOptions } from '#cli/display.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { parseAt, parseInput } from '#cli/input.ts';
import { branchesOf } from '#cli/render/branches.ts';
import { acceptedLines } from '#cli/render/runs.ts';
import { type Call, flag, text, texts, usage, word } from '#cli/spec.ts';
import type { EnqueueRequest, RemoteController } from '#engine/requests.ts';
import { newId } from '#kernel/ids.ts';

export async function enqueue(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const request = requestOf(context, call, settings);
  // A slip of the fingers is told even when nobody is there to do the work.
  await context.rooms.checkNames(settings, request);
  if (flag(call, 'dryRun')) return previewRuns(context, { settings, request, json: flag(call, 'json') });

  await using controller = await context.rooms.connectController(settings);
  const wait = flag(call, 'wait');
  const json = flag(call, 'json');
  const branches = wait && !json && context.terminal.live ? await branchesOfAll(controller, request) : new Map();
  const runs = await controller.enqueue({ ...request, id: newId() });
  if (runs.length === 0) context.terminal.tell('No service of the configuration takes part in this workflow.');
  if (wait && runs.length > 0) return await followRuns(context, { settings, controller, runs, json, branches });
  if (json) printJson(context, { runs });
  else printLines(context, acceptedLines(runs, request.notBefore ?? null, momentOf(context, settings)));
  return EXIT.done;
}

function requestOf(
  context: Context,
  call: Call,
  settings: Settings,
): Omit<EnqueueRequest, 'id'> & { services: string[] } {
  const [, ...services] = call.words;
  const all = flag(call, 'all');
  if (all && services.length > 0) throw usage('--all and the names of services exclude each other');
  if (!all && services.length === 0) throw usage('no service is named', 'Name one or more services, or say --all');
  const at = text(call, 'at');
  return {
    workflow: word(call, 0),
    services,
    all,
    input: parseInput(texts(call, 'input')),
    notBefore: at === undefined ? null : parseAt(at, momentOf(context, settings)),
  };
}

/** For the display only: when it fails, the steps are shown as a plain list. */
async function branchesOfAll(
  controller: RemoteController,
  request: Omit<EnqueueRequest, 'id'>,
): Promise<DisplayOptions['branches']> {
  const previews = await controller.preview(request).catch(() => []);
  return new Map(previews.map(({ plan }) => [plan.service, branchesOf(plan.root)]));
}
