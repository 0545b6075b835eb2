/** `plan` and `enqueue --dry-run`: what would happen. */
import type { Settings } from '#app/settings.ts';
import { isAway } from '#cli/actions/history.ts';
import { settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { parseInput } from '#cli/input.ts';
import { planLines } from '#cli/render/plan.ts';
import { type Call, flag, texts, word } from '#cli/spec.ts';
import type { EnqueueRequest, Preview } from '#engine/requests.ts';
import type { JsonObject } from '#kernel/json.ts';

export async function plan(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const request = {
    workflow: word(call, 0),
    services: [word(call, 1)],
    all: false,
    input: parseInput(texts(call, 'input')),
    notBefore: null,
  };
  await context.rooms.checkNames(settings, request);
  return previewRuns(context, { settings, request, json: flag(call, 'json') });
}

export async function previewRuns(
  context: Context,
  { settings, request, json }: { settings: Settings; request: Omit<EnqueueRequest, 'id'>; json: boolean },
): Promise<ExitStatus> {
  const previews = await ask(context, settings, request);
  if (json) printJson(context, { plans: previews });
  else
    printLines(
      context,
      previews.flatMap((preview, i) => [...(i > 0 ? [''] : []), ...lines(context, preview, request.input)]),
    );
  return EXIT.done;
}

async function ask(context: Context, settings: Settings, request: Omit<EnqueueRequest, 'id'>): Promise<Preview[]> {
  try {
    await using controller = await context.rooms.connectController(settings);
    return await controller.preview(request);
  } catch (error) {
    if (!isAway(error)) throw error;
    context.terminal.tell('No controller answers; this plan is made from the configuration alone.');
    return await context.rooms.previewOffline(settings, request);
  }
}

function lines({ terminal }: Context, preview: Preview, input: JsonObject): string[] {
  return planLines(preview, { input, style: terminal.style, columns: terminal.size().columns });
}
