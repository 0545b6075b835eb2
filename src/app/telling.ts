/** What the controller tells by itself: what waits in the outbox, the regular report, versions that have come out. */
import { channelLines } from '#app/channels.ts';
import { dispatch } from '#app/dispatcher.ts';
import type { Performer } from '#app/performer.ts';
import { pingLines } from '#app/pings.ts';
import { checkHere } from '#app/report-world.ts';
import { keepReporting } from '#app/reporting.ts';
import type { Settings } from '#app/settings.ts';
import { watchVersions } from '#app/version-watch.ts';
import type { Log } from '#sdk/tools.ts';
import type { Database } from '#store/database.ts';
import { createHealthLog } from '#store/health-log.ts';
import type { History } from '#store/history.ts';
import type { Outbox } from '#store/outbox.ts';
import { createReports } from '#store/reports.ts';
import { createVersionNews } from '#store/version-news.ts';

export interface TellingPorts {
  settings: Settings;
  db: Database;
  history: History;
  outbox: Outbox;
  performer: Performer;
  log: Log;
  now(): Date;
}

/** Until the signal fires. */
export async function tell(ports: TellingPorts, signal: AbortSignal): Promise<void> {
  const { settings, db, history, outbox, performer, log, now } = ports;
  const { config } = settings;
  const lines = [...channelLines(config, performer), ...pingLines(settings)];
  const check = (until: AbortSignal) => checkHere(settings, history.decisions(null), until);
  const world = { settings, performer, health: createHealthLog(db), check, log };
  await Promise.all([
    dispatch({ config, outbox, lines, log, now }, signal),
    keepReporting({ ...world, reports: createReports(db), outbox, now }, signal),
    watchVersions({ config, check, news: createVersionNews(db), outbox, log, now }, signal),
  ]);
}
