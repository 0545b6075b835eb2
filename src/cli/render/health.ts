/** What monitoring knows of one service, and what checks answered, as lines. */
import type { AskedCheck, CheckView, IncidentView, Uptimes } from '#cli/ports.ts';
import { type Proofs, proofText } from '#cli/render/proofs.ts';
import { runsTable } from '#cli/render/runs.ts';
import type { Style } from '#cli/render/style.ts';
import { part, printable, table } from '#cli/render/text.ts';
import { type Moment, when } from '#cli/render/times.ts';
import { between, duration } from '#cli/render/units.ts';
import type { RestorePointView } from '#engine/requests.ts';
import type { RunView } from '#engine/run.ts';
import { subjectName, subjectOf } from '#monitor/check.ts';

interface Surroundings {
  moment: Moment;
  style: Style;
}

const TINT = { up: 'good', down: 'bad', unknown: 'quiet' } as const;
const ANSWER_TINT = { good: 'good', bad: 'bad', unknown: 'warn' } as const;

export function checksTable(checks: readonly AskedCheck[], style: Style): string[] {
  if (checks.length === 0) return ['Nothing to check: give services  validate:  or  monitor:  in the configuration.'];
  return table(
    ['SERVICE', 'HOST', 'ANSWER', 'TOOK', 'CHECK', ''].map((title) => ({ title })),
    checks.map(({ service, host, state, tookMs, asked, detail }) => [
      service,
      host,
      style(ANSWER_TINT[state], state),
      tookMs === null ? '–' : `${tookMs} ms`,
      printable(asked),
      printable(detail),
    ]),
  );
}

/** `99.95 %`; never rounded up to a hundred that it was not. */
export function percent(part: number | null): string {
  if (part === null) return '–';
  return part === 1 ? '100 %' : `${(Math.floor(part * 10_000) / 100).toFixed(2)} %`;
}

export interface ServicePage extends Proofs {
  name: string;
  type: string;
  host: string;
  dependsOn: readonly string[];
  state: 'up' | 'down' | 'unknown';
  detail: string;
  version: string | null;
  since: string | null;
  uptime: Uptimes | null;
  checks: readonly CheckView[];
  incidents: readonly IncidentView[];
  backups: readonly RestorePointView[];
  runs: readonly RunView[];
}

export function serviceLines(page: ServicePage, around: Surroundings): string[] {
  const { moment, style } = around;
  const since = page.since === null ? '' : ` since ${when(page.since, moment)}`;
  const detail = page.detail === '' ? '' : `: ${printable(page.detail)}`;
  return [
    `${style('strong', page.name)}  ${page.type} on ${page.host}${page.version === null ? '' : `, version ${printable(page.version)}`}`,
    `state    ${style(TINT[page.state], page.state)}${since}${detail}`,
    ...(page.dependsOn.length === 0 ? [] : [`needs    ${page.dependsOn.join(', ')}`]),
    ...uptimeLines(page.uptime),
    ...proofLines(page, moment),
    ...part('Checks', checkRows(page.checks, around)),
    ...part(
      'Incidents',
      page.incidents.map((one) => incidentLine(one, around)),
    ),
    ...part(
      'Backups',
      page.backups.map((one) => backupLine(one, moment)),
    ),
    ...part('Runs', page.runs.length === 0 ? [] : runsTable(page.runs, around)),
  ];
}

function uptimeLines(uptime: Uptimes | null): string[] {
  if (uptime === null) return [];
  const words = Object.entries(uptime).map(([window, value]) => `${window} ${percent(value)}`);
  return [`uptime   ${words.join('   ')}`];
}

function proofLines({ lastDrill, lastGuestDrill }: ServicePage, { zone }: Moment): string[] {
  const all = [lastDrill, lastGuestDrill].filter((one) => one !== null);
  if (all.length === 0) return ['proven   never: no drill has restored a backup of it'];
  return all.map((one, i) => `${i === 0 ? 'proven' : '      '}   ${proofText(one, zone)}`);
}

function checkRows(checks: readonly CheckView[], { moment, style }: Surroundings): string[] {
  if (checks.length === 0) return ['none: give it  validate:  or  monitor:  in the configuration'];
  return table(
    ['STATE', 'ASKED', 'P50', 'P95', 'P99', 'CHECK', ''].map((title) => ({ title })),
    checks.map(({ state, at, responseTimes: times, asked, detail, external, planned }) => [
      style(TINT[state], state),
      when(at, moment),
      ...(times === null ? ['–', '–', '–'] : [times.p50, times.p95, times.p99].map((ms) => `${ms} ms`)),
      printable(`${asked}${external ? ' (from outside)' : ''}`),
      printable(`${detail}${planned ? ' (our own run has it)' : ''}`),
    ]),
  );
}

export function incidentLine(incident: IncidentView, { moment }: Surroundings): string {
  const { startedAt, endedAt, cause, root, run } = incident;
  const lasted = duration(between(startedAt, endedAt ?? moment.now.toISOString()) ?? 0);
  const end = endedAt === null ? `, still so (${lasted})` : `, for ${lasted}`;
  const blame = root === null ? '' : `, because of ${subjectText(root)}`;
  return printable(
    `${when(startedAt, moment)}${end}: ${cause}${blame}${run === null ? '' : `, during or after run ${run.slice(0, 4)}`}${restartWords(incident)}`,
  );
}

function restartWords({ restarts, gaveUpAt }: IncidentView): string {
  const runs = restarts.map(({ run, status }) => `${run.slice(0, 4)} ${status}`).join(', ');
  const tried = restarts.length === 0 ? '' : `; restarts: ${runs}`;
  return gaveUpAt === null ? tried : `${tried}; left to you`;
}

/** As people call it: `web`, `web from outside`, `nas: disk /srv`. */
export function subjectText(subject: string): string {
  return `${subjectName(subject)}${subjectOf(subject).kind === 'external' ? ' from outside' : ''}`;
}

function backupLine({ id, createdAt, verifiedAt, copies }: RestorePointView, moment: Moment): string {
  const good = copies.filter(({ status }) => status === 'verified').length;
  const read = verifiedAt === null ? 'not verified' : 'verified';
  return `${when(createdAt, moment)}  ${id.slice(0, 4)}  ${read}, ${good} of ${copies.length} copies verified`;
}
