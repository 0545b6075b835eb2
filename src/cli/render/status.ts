/** The page of `status`. */
import type { IncidentView } from '#cli/ports.ts';
import { incidentLine, subjectText } from '#cli/render/health.ts';
import { runsTable } from '#cli/render/runs.ts';
import type { Style } from '#cli/render/style.ts';
import { part, table } from '#cli/render/text.ts';
import { type Moment, when, zoneName } from '#cli/render/times.ts';
import type { RunView } from '#engine/run.ts';

export interface StatusPage {
  services: { total: number; watched: number; up: number; down: number; unknown: number };
  /** Open ones. */
  incidents: readonly IncidentView[];
  attention: readonly RunView[];
  running: readonly RunView[];
  /** In the last 24 hours. */
  ended: readonly RunView[];
  next: readonly { at: string; workflow: string; service: string; skip: string | null }[];
}

interface Surroundings {
  moment: Moment;
  style: Style;
}

export function statusLines(page: StatusPage, around: Surroundings): string[] {
  const { moment, style } = around;
  const bad = page.ended.filter(({ status }) => !['succeeded', 'skipped'].includes(status));
  return [
    headline(page, style),
    ...part(
      'Down',
      page.incidents.map((one) => `${style('bad', subjectText(one.subject))}  ${incidentLine(one, around)}`),
    ),
    ...part('Needs attention', page.attention.length === 0 ? [] : runsTable(page.attention, around)),
    ...part('Running now', page.running.length === 0 ? [] : runsTable(page.running, around)),
    ...part('Last 24 hours', [counted(page.ended), ...(bad.length === 0 ? [] : runsTable(bad, around))]),
    ...part('Next', nextRows(page.next, moment)),
  ];
}

function headline({ services, incidents }: StatusPage, style: Style): string {
  const { total, watched, up, down, unknown } = services;
  const parts = [
    `${up} up`,
    ...(down > 0 ? [style('bad', `${down} down`)] : []),
    ...(unknown > 0 ? [style('warn', `${unknown} unknown`)] : []),
    ...(total > watched ? [`${total - watched} not watched`] : []),
  ];
  const all = `${total} ${total === 1 ? 'service' : 'services'}: ${parts.join(', ')}`;
  return incidents.length === 0 && down === 0 && unknown === 0 ? style('good', all) : all;
}

function counted(ended: readonly RunView[]): string {
  if (ended.length === 0) return 'no run ended';
  const groups = Map.groupBy(ended, ({ workflow, status }) => `${workflow} ${status.replaceAll('_', ' ')}`);
  return [...groups].map(([words, runs]) => `${runs.length} × ${words}`).join(', ');
}

function nextRows(next: StatusPage['next'], moment: Moment): string[] {
  if (next.length === 0) return ['nothing is due in the next 24 hours'];
  return table(
    [`AT (${zoneName(moment)})`, 'WORKFLOW', 'SERVICE', ''].map((title) => ({ title })),
    next.map(({ at, workflow, service, skip }) => [
      when(at, moment),
      workflow,
      service,
      skip === null ? '' : `skipped: ${skip.replaceAll('_', ' ')}`,
    ]),
  );
}
