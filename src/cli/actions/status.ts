/** `status`: one page of what a person wants to know first. */
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { statusLines } from '#cli/render/status.ts';
import { type Call, flag } from '#cli/spec.ts';
import { isTerminal } from '#engine/run.ts';

const DAY_MS = 86_400_000;

/** Of each list; nobody reads more on one page. */
const MOST = 10;

const LONGEST_HISTORY = 1_000;

export async function showStatus(context: Context, call: Call): Promise<ExitStatus> {
  const { rooms } = context;
  const settings = await settingsOf(context, call);
  const from = context.now();
  using health = await rooms.openHealth(settings, from);
  using history = await rooms.openHistory(settings);
  const runs = history?.runs({ limit: LONGEST_HISTORY }) ?? [];
  const since = new Date(from.getTime() - DAY_MS).toISOString();
  const schedules = await rooms.forecast(settings, { from, until: new Date(from.getTime() + DAY_MS) });
  const states = settings.config.services.flatMap(({ name }) => health?.service(name)?.state ?? []);
  const next = schedules.flatMap(({ schedule, coming }) =>
    coming.map(({ due, skip }) => ({
      at: due.toISOString(),
      workflow: schedule.workflow,
      service: schedule.service,
      skip,
    })),
  );
  const page = {
    services: {
      total: settings.config.services.length,
      watched: states.length,
      up: states.filter((state) => state === 'up').length,
      down: states.filter((state) => state === 'down').length,
      unknown: states.filter((state) => state === 'unknown').length,
    },
    incidents: health?.incidents({ open: true, limit: MOST }) ?? [],
    attention: runs.filter(({ status }) => status === 'needs_attention').slice(0, MOST),
    running: runs.filter(({ status }) => !isTerminal(status)).slice(0, MOST),
    ended: runs.filter(({ status, finishedAt }) => isTerminal(status) && (finishedAt ?? '') > since),
    next: next.toSorted((a, b) => (a.at < b.at ? -1 : 1)).slice(0, MOST),
  };
  const surroundings = { moment: momentOf(context, settings), style: context.terminal.style };
  if (flag(call, 'json')) printJson(context, page);
  else printLines(context, statusLines(page, surroundings));
  return EXIT.done;
}
