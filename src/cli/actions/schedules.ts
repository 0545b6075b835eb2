/** `schedules`: what is due, what became of what was due, and stopping a schedule for a while. */
import type { ScheduleView } from '#app/forecast.ts';
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { type ComingFire, comingTable, logTable, type ScheduleRow, schedulesTable } from '#cli/render/schedules.ts';
import { type Call, flag, given, text, wholeNumber, word } from '#cli/spec.ts';
import { formatDuration } from '#kernel/duration.ts';
import { COMING_WORDS } from '#schedule/words.ts';

const DAY_MS = 86_400_000;

/** Of all schedules together; nobody reads more than this. */
const MOST_FIRES = 1_000;

export async function listSchedules(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const from = context.now();
  const views = await context.rooms.forecast(settings, { from, until: from });
  const rows = views.map(rowOf);
  if (flag(call, 'json')) printJson(context, { schedules: rows });
  else printLines(context, schedulesTable(rows, momentOf(context, settings)));
  return EXIT.done;
}

function rowOf({ schedule, pausedAt, nextAt, last }: ScheduleView): ScheduleRow {
  const { id, workflow, service, host, cron, everyMs, timezone } = schedule;
  const every = everyMs === null ? null : formatDuration(everyMs);
  return { id, workflow, service, host, cron, every, timezone, pausedAt, nextAt: nextAt?.toISOString() ?? null, last };
}

export async function nextFires(context: Context, call: Call): Promise<ExitStatus> {
  const days = wholeNumber(call, 'days', { min: 1, max: 366 }) ?? 7;
  const settings = await settingsOf(context, call);
  const from = context.now();
  const views = await context.rooms.forecast(settings, { from, until: new Date(from.getTime() + days * DAY_MS) });
  const sorted = views.flatMap(firesOf).sort((a, b) => (a.at < b.at ? -1 : 1));
  if (sorted.length > MOST_FIRES) context.terminal.tell(`Only the first ${MOST_FIRES} are shown.`);
  const fires = sorted.slice(0, MOST_FIRES);
  if (flag(call, 'json')) printJson(context, { fires });
  else printLines(context, comingTable(fires, momentOf(context, settings)));
  return EXIT.done;
}

function firesOf({ schedule: { id, workflow, service }, coming }: ScheduleView): ComingFire[] {
  return coming.map(({ nominal, due, skip }) => ({
    at: due.toISOString(),
    slot: nominal.toISOString(),
    schedule: id,
    workflow,
    service,
    skip,
    why: skip === null ? null : (COMING_WORDS[skip] ?? skip),
  }));
}

export async function scheduleLog(context: Context, call: Call): Promise<ExitStatus> {
  const limit = wholeNumber(call, 'limit', { min: 1, max: 100_000 }) ?? 30;
  const filter = { ...given('schedule', text(call, 'schedule')), ...given('service', text(call, 'service')), limit };
  const settings = await settingsOf(context, call);
  using log = await context.rooms.openLedgerLog(settings);
  const fires = log?.fires(filter) ?? [];
  if (flag(call, 'json')) printJson(context, { fires });
  else printLines(context, logTable(fires, { moment: momentOf(context, settings), style: context.terminal.style }));
  return EXIT.done;
}

export async function pauseSchedule(context: Context, call: Call): Promise<ExitStatus> {
  return setPaused(context, call, true);
}

export async function resumeSchedule(context: Context, call: Call): Promise<ExitStatus> {
  return setPaused(context, call, false);
}

async function setPaused(context: Context, call: Call, paused: boolean): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  await using controller = await context.rooms.connectController(settings);
  const state = await controller.setPaused(word(call, 0), paused);
  if (flag(call, 'json')) printJson(context, state);
  else if (paused) printLines(context, [`${state.id} is paused: what is due is skipped until it is resumed`]);
  else printLines(context, [`${state.id} goes on`]);
  return EXIT.done;
}
