/** Schedules, what is due, and what became of it, as tables. */
import { shortIds } from '#cli/render/ids.ts';
import type { Style } from '#cli/render/style.ts';
import { table } from '#cli/render/text.ts';
import { type Moment, when, zoneName } from '#cli/render/times.ts';
import type { Disposition, Fire, Reason } from '#schedule/fire.ts';

export interface ScheduleRow {
  id: string;
  workflow: string;
  service: string;
  host: string;
  /** Exactly one of `cron` and `every` is not null. */
  cron: string | null;
  every: string | null;
  timezone: string;
  pausedAt: string | null;
  nextAt: string | null;
  last: Fire | null;
}

export interface ComingFire {
  /** When its run is to start. */
  at: string;
  /** The nominal instant. */
  slot: string;
  schedule: string;
  workflow: string;
  service: string;
  /** Why it will be skipped. */
  skip: Reason | null;
  why: string | null;
}

export function schedulesTable(rows: readonly ScheduleRow[], moment: Moment): string[] {
  if (rows.length === 0) return ['No schedules: no service has one.'];
  const titles = ['SCHEDULE', 'WORKFLOW', 'SERVICE', 'WHEN', 'ZONE', `NEXT (${zoneName(moment)})`, 'LAST'];
  return table(
    titles.map((title) => ({ title })),
    rows.map((row) => {
      const rule = row.cron ?? `every ${row.every}`;
      const last = row.last === null ? '–' : `${when(row.last.slot, moment)} ${WORDS[row.last.disposition]}`;
      return [row.id, row.workflow, row.service, rule, row.timezone, nextOf(row, moment), last];
    }),
  );
}

function nextOf({ pausedAt, nextAt }: ScheduleRow, moment: Moment): string {
  if (pausedAt !== null) return 'paused';
  return nextAt === null ? 'never' : when(nextAt, moment);
}

export function comingTable(fires: readonly ComingFire[], moment: Moment): string[] {
  if (fires.length === 0) return ['Nothing is due.'];
  const titles = [`AT (${zoneName(moment)})`, 'WORKFLOW', 'SERVICE', 'SCHEDULE', ''];
  return table(
    titles.map((title) => ({ title })),
    fires.map(({ at, workflow, service, schedule, why }) => {
      return [when(at, moment), workflow, service, schedule, why === null ? '' : `skipped: ${why}`];
    }),
  );
}

const WORDS: Record<Disposition, string> = {
  ran: 'ran',
  caught_up: 'caught up',
  skipped: 'skipped',
  missed: 'missed',
};

export function logTable(fires: readonly Fire[], { moment, style }: { moment: Moment; style: Style }): string[] {
  if (fires.length === 0) return ['Nothing was due yet.'];
  const short = shortIds(fires.flatMap(({ run }) => run ?? []));
  const titles = [`SLOT (${zoneName(moment)})`, 'SCHEDULE', 'WHAT HAPPENED', 'RUN', 'WHY'];
  return table(
    titles.map((title) => ({ title })),
    fires.map(({ slot, schedule, disposition, run, detail }) => [
      when(slot, moment),
      schedule,
      coloured(disposition, style),
      run === null ? '–' : short(run),
      detail ?? '',
    ]),
  );
}

function coloured(disposition: Disposition, style: Style): string {
  const word = WORDS[disposition];
  if (disposition === 'ran') return word;
  return style(disposition === 'missed' ? 'bad' : 'warn', word);
}
