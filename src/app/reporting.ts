/** Writes the regular report when it is due: each slot of its schedule once at most, and one for all that were slept through. */
import { lookAround, type ReportWorldPorts } from '#app/report-world.ts';
import type { ReportConfig } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import { hashJson } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import { reportMessage } from '#notify/report-message.ts';
import { openPlanner, type Planner } from '#schedule/planner.ts';
import type { Outbox } from '#store/outbox.ts';
import type { Reports } from '#store/reports.ts';

export interface ReportingPorts extends ReportWorldPorts {
  reports: Reports;
  outbox: Outbox;
  now(): Date;
}

const LOOK_MS = 1_000;

/** A schedule of every minute, and a controller that was away for a year: older slots than that are not counted up. */
const LONGEST_AWAY_MS = 40 * 86_400_000;

export async function keepReporting(ports: ReportingPorts, signal: AbortSignal): Promise<void> {
  const { report } = ports.settings.config.notifications;
  if (report === null) return;
  while (!signal.aborted) {
    try {
      await reportIfDue(ports, report, signal);
    } catch (error) {
      ports.log.warn('the report could not be written; trying again', { error: errorText(error) });
    }
    await pause(LOOK_MS, signal);
  }
}

/** @returns whether a report was written. */
export async function reportIfDue(
  ports: ReportingPorts,
  { schedule, channels }: ReportConfig,
  signal: AbortSignal,
): Promise<boolean> {
  const { reports, outbox, settings, now } = ports;
  const { global } = settings.config;
  const rules = hashJson(schedule);
  const time = now().getTime();
  const from = reports.madeTo(rules);
  // It is new; or the clock was set back, and slots that come again have ids that the outbox knows.
  if (from === undefined || from > time) {
    reports.made(rules, time, () => undefined);
    return false;
  }
  const planner = openPlanner({ ...schedule, id: 'report', workflow: '', service: '', host: global.host });
  const slot = newestSlot(planner, Math.max(from, time - LONGEST_AWAY_MS), time);
  if (slot === undefined) return false;
  const world = await lookAround(ports, { now: now(), lengthMs: slot - from, signal });
  if (signal.aborted) return false;
  const origin = { homelab: global.name, timezone: global.timezone };
  const scene = { from, slot, origin, host: global.host, at: now() };
  const message = reportMessage(reports.history(from, slot), world, scene);
  reports.made(rules, slot, () => {
    for (const channel of channels) outbox.add({ channel, status: 'waiting', message, dueAt: now() });
  });
  return true;
}

function newestSlot(planner: Planner, after: number, until: number): number | undefined {
  let newest: number | undefined;
  for (let slot = planner.after(after); slot !== undefined && slot.nominal <= until; slot = planner.after(slot.nominal))
    newest = slot.nominal;
  return newest;
}
