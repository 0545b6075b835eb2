/** Runs as a table, and one run with all that is known of it. */

import { shortIds } from '#cli/render/ids.ts';
import { outcomeLines } from '#cli/render/outcome.ts';
import { runHeader } from '#cli/render/run-header.ts';
import { stepLines } from '#cli/render/steps.ts';
import type { Style, Tint } from '#cli/render/style.ts';
import { printable, table } from '#cli/render/text.ts';
import { fullTime, type Moment, when, zoneName } from '#cli/render/times.ts';
import { between, duration } from '#cli/render/units.ts';
import { watched } from '#cli/render/watched.ts';
import type { RetryPreview } from '#engine/requests.ts';
import type { RunDetail, RunStatus, RunView } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';

const STATUS: Record<RunStatus, { sign: string; tint: Tint; text: string }> = {
  queued: { sign: '·', tint: 'quiet', text: 'queued' },
  running: { sign: '▸', tint: 'busy', text: 'running' },
  succeeded: { sign: '✔', tint: 'good', text: 'succeeded' },
  skipped: { sign: '–', tint: 'quiet', text: 'skipped' },
  failed: { sign: '✘', tint: 'bad', text: 'failed' },
  rolled_back: { sign: '↺', tint: 'warn', text: 'rolled back' },
  cancelled: { sign: '–', tint: 'warn', text: 'cancelled' },
  needs_attention: { sign: '!', tint: 'bad', text: 'needs attention' },
};

export interface RunsView {
  moment: Moment;
  style: Style;
}

export function runsTable(runs: readonly RunView[], { moment, style }: RunsView): string[] {
  if (runs.length === 0) return ['No runs.'];
  const short = shortIds(runs.map(({ id }) => id));
  const columns = ['ID', 'WORKFLOW', 'SERVICE', 'STATUS', `STARTED (${zoneName(moment)})`, 'TOOK', 'WHY'];
  const rows = runs.map((run) => [
    short(run.id),
    run.workflow,
    run.service,
    statusText(run.status, style),
    when(run.startedAt, moment),
    took(run, moment),
    printable(run.reason ?? ''),
  ]);
  return table(
    columns.map((title) => ({ title })),
    rows,
  );
}

function statusText(status: RunStatus, style: Style): string {
  const { sign, tint, text } = STATUS[status];
  return style(tint, `${sign} ${text}`);
}

function took(run: RunView, { now }: Moment): string {
  const ms = between(run.startedAt, isTerminal(run.status) ? run.finishedAt : now.toISOString());
  return ms === null ? '–' : duration(ms);
}

export function runDetailLines(run: RunDetail, view: RunsView & { columns: number }): string[] {
  const { moment, style } = view;
  const zone = zoneName(moment);
  const facts = [
    ['id', run.id],
    ['status', statusText(run.status, style)],
    ['requested', `${fullTime(run.requestedAt, moment.zone)} ${zone}${origin(run)}`],
    ...(run.startedAt === null ? [] : [['took', took(run, moment)]]),
    ...(run.outageMs === null ? [] : [['stopped for', duration(run.outageMs)]]),
    ...(run.restorePoint === null ? [] : [['restore point', run.restorePoint]]),
  ];
  const steps = stepLines(watched(run), { ...view, now: moment.now, branches: new Map(), frame: 0 });
  const story = run.story.map(({ at, text }) => `  ${fullTime(at, moment.zone)}  ${printable(text)}`);
  return [
    runHeader(run, style),
    '',
    ...facts.map(([name = '', value = '']) => `  ${name.padEnd(14)} ${value}`),
    '',
    ...steps,
    ...(story.length === 0 ? [] : ['', 'What happened:', ...story]),
    ...(isTerminal(run.status) ? ['', ...outcomeLines(run, style)] : []),
  ];
}

function origin(run: RunView): string {
  if (run.retryOf !== null) return `, a retry of ${run.retryOf.slice(0, 4)}`;
  return run.schedule === null ? '' : `, by the schedule ${run.schedule}`;
}

export function acceptedLines(runs: readonly RunView[], notBefore: string | null, moment: Moment): string[] {
  const short = shortIds(runs.map(({ id }) => id));
  const later = notBefore === null ? '' : `, not before ${when(notBefore, moment)} ${zoneName(moment)}`;
  const lines = runs.map((run) => `accepted: ${run.workflow} ${run.service} · run ${short(run.id)}${later}`);
  const [first] = runs;
  if (first === undefined) return lines;
  return [...lines, `  Follow it with  homelab-autopilot runs logs ${short(first.id)} --follow`];
}

export function retryLines({ run, from, again, reused }: RetryPreview): string[] {
  return [
    `would ${run.workflow} ${run.service} again from step "${from}"`,
    `  runs again:       ${again.join(', ')}`,
    `  is taken over:    ${reused.length === 0 ? 'nothing' : reused.join(', ')}`,
  ];
}
