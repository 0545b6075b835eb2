/** `schedules`: what is due, computed from the configuration. */
import type { Settings } from '#app/settings.ts';
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import type { ScheduleView } from '#cli/ports.ts';
import { type Fire, firesTable, schedulesTable } from '#cli/render/schedules.ts';
import { type Call, flag, wholeNumber } from '#cli/spec.ts';

const DAY_MS = 86_400_000;
/** Cron with seconds may fire 86,400 times a day; nobody reads more than this. */
const MOST_FIRES = 1_000;

export async function listSchedules(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const schedules = await context.rooms.schedules(settings, { from: context.now(), count: 1 });
  const rows = schedules.map(({ fires, ...schedule }) => ({ ...schedule, nextAt: fires[0]?.toISOString() ?? null }));
  if (flag(call, 'json')) printJson(context, { schedules: rows });
  else printLines(context, schedulesTable(rows, momentOf(context, settings)));
  return EXIT.done;
}

export async function nextFires(context: Context, call: Call): Promise<ExitStatus> {
  const days = wholeNumber(call, 'days', { min: 1, max: 366 }) ?? 7;
  const settings = await settingsOf(context, call);
  const fires = await firesWithin(context, settings, days);
  if (flag(call, 'json')) printJson(context, { fires });
  else printLines(context, firesTable(fires, momentOf(context, settings)));
  return EXIT.done;
}

async function firesWithin(context: Context, settings: Settings, days: number): Promise<Fire[]> {
  const from = context.now();
  const end = new Date(from.getTime() + days * DAY_MS);
  const schedules: ScheduleView[] = await context.rooms.schedules(settings, { from, count: MOST_FIRES });
  const all = schedules.flatMap(({ fires, id, workflow, service }) =>
    fires.filter((at) => at <= end).map((at) => ({ at: at.toISOString(), schedule: id, workflow, service })),
  );
  const sorted = all.sort((a, b) => (a.at < b.at ? -1 : 1));
  if (sorted.length > MOST_FIRES) context.terminal.tell(`Only the first ${MOST_FIRES} are shown.`);
  return sorted.slice(0, MOST_FIRES);
}
