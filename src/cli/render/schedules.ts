/** Schedules, and what is due, as tables. */
import { table } from '#cli/render/text.ts';
import { type Moment, when, zoneName } from '#cli/render/times.ts';

export interface ScheduleRow {
  id: string;
  workflow: string;
  service: string;
  cron: string;
  timezone: string;
  nextAt: string | null;
}

export interface Fire {
  at: string;
  schedule: string;
  workflow: string;
  service: string;
}

export function schedulesTable(rows: readonly ScheduleRow[], moment: Moment): string[] {
  if (rows.length === 0) return ['No schedules: no service has a backup schedule.'];
  const titles = ['SCHEDULE', 'WORKFLOW', 'SERVICE', 'CRON', 'ZONE', `NEXT (${zoneName(moment)})`];
  return table(
    titles.map((title) => ({ title })),
    rows.map(({ id, workflow, service, cron, timezone, nextAt }) => {
      return [id, workflow, service, cron, timezone, nextAt === null ? 'never' : when(nextAt, moment)];
    }),
  );
}

export function firesTable(fires: readonly Fire[], moment: Moment): string[] {
  if (fires.length === 0) return ['Nothing is due.'];
  const titles = [`AT (${zoneName(moment)})`, 'WORKFLOW', 'SERVICE', 'SCHEDULE'];
  return table(
    titles.map((title) => ({ title })),
    fires.map(({ at, workflow, service, schedule }) => [when(at, moment), workflow, service, schedule]),
  );
}
