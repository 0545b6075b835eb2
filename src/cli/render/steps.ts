/** The step list of a run: one line for each step, with a mark, what it did, and how long it took. */

import type { Style, Tint } from '#cli/render/style.ts';
import { cut, pad, printable, width } from '#cli/render/text.ts';
import { between, duration } from '#cli/render/units.ts';
import { ended, type Reading, type Setback, type WatchedRun } from '#cli/render/watched.ts';
import type { StepView } from '#engine/run.ts';
import { formatBytes, formatCount } from '#kernel/format.ts';
import type { Progress } from '#sdk/tools.ts';

/** Where steps stand side by side: step → the branch sign before its mark. */
export type Branches = ReadonlyMap<string, '├' | '└'>;

export interface StepListView {
  columns: number;
  style: Style;
  now: Date;
  branches: Branches;
  /** Counts up while the list is redrawn; turns the spinner. */
  frame: number;
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const DURATION_COLUMNS = 11;
const TITLE_COLUMNS = { min: 12, max: 24 };
/** Beyond this a duration at the end of the line is too far from its step. */
const WIDEST = 110;

export function stepLines({ run, readings, setbacks }: WatchedRun, view: StepListView): string[] {
  const titles = Math.max(TITLE_COLUMNS.min, ...run.steps.map(({ title }) => width(printable(title)) + 3));
  const titleColumns = Math.min(TITLE_COLUMNS.max, titles);
  return run.steps.map((step) => {
    const now = { reading: readings.get(step.name), setback: setbacks.get(step.name) };
    return stepLine(step, now, { ...view, titleColumns });
  });
}

interface Now {
  reading: Reading | undefined;
  setback: Setback | undefined;
}

function stepLine(step: StepView, now: Now, view: StepListView & { titleColumns: number }): string {
  const { sign, tint } = mark(step, view.frame);
  const branch = view.branches.get(step.name);
  const lead = `  ${branch === undefined ? '' : `${branch} `}${view.style(tint, sign)} ${printable(step.title)}`;
  const head = pad(cut(lead, view.titleColumns + 4), view.titleColumns + 4);
  const took = tookOf(step, view.now);
  const columns = Math.min(view.columns, WIDEST) - 1;
  const room = columns - width(head) - 1 - (took === '' ? 0 : DURATION_COLUMNS);
  const said = cut(saying(step, now), Math.max(1, room));
  const line = `${head} ${pad(tinted(step, said, view.style), room)}${took.padStart(took === '' ? 0 : DURATION_COLUMNS)}`;
  return cut(line.trimEnd(), columns);
}

function tinted(step: StepView, text: string, style: Style): string {
  if (text === '') return '';
  if (step.status === 'failed') return style('bad', text);
  return step.status === 'planned' || step.status === 'dispatched' ? style('quiet', text) : text;
}

function mark(step: StepView, frame: number): { sign: string; tint: Tint } {
  switch (step.status) {
    case 'succeeded':
      return step.undo ? { sign: '↺', tint: 'warn' } : { sign: '✔', tint: 'good' };
    case 'reused':
      return { sign: '✔', tint: 'quiet' };
    case 'failed':
      return { sign: '✘', tint: 'bad' };
    case 'running':
      return { sign: SPINNER[frame % SPINNER.length] ?? '…', tint: 'busy' };
    case 'withdrawn':
      return { sign: '–', tint: 'quiet' };
    case 'planned':
    case 'dispatched':
      return { sign: '·', tint: 'quiet' };
  }
}

function saying(step: StepView, { reading, setback }: Now): string {
  if (step.status === 'failed') return printable(step.error ?? 'failed');
  if (step.status === 'reused') return `taken over${step.summary === null ? '' : `: ${printable(step.summary)}`}`;
  if (step.status === 'withdrawn') return 'not begun';
  if (ended(step)) return printable(step.summary ?? '');
  if (step.status === 'dispatched' && setback === undefined) return `waits for a worker on ${printable(step.host)}`;
  const again = againText(step, setback);
  const progress = reading === undefined || step.status !== 'running' ? '' : progressText(reading);
  return [again, progress].filter((part) => part !== '').join('  ');
}

/** Why it takes so long is worth more than how often it was tried. */
function againText({ attempts }: StepView, setback: Setback | undefined): string {
  if (setback === undefined) return attempts > 1 ? `attempt ${attempts}` : '';
  const before = `attempt ${setback.attempt} failed: ${printable(setback.error)}`;
  return attempts > setback.attempt ? `attempt ${attempts}; ${before}` : `is tried again; ${before}`;
}

function tookOf(step: StepView, now: Date): string {
  if (step.status === 'reused' || step.startedAt === null) return '';
  const ms = ended(step) ? between(step.startedAt, step.finishedAt) : now.getTime() - Date.parse(step.startedAt);
  return ms === null ? '' : duration(ms);
}

/** `61 %  2.5 of 4.1 GB  104 MB/s  15 s left`. */
export function progressText({ progress, rate }: Pick<Reading, 'progress' | 'rate'>): string {
  const parts = [percent(progress), bytesOf(progress), filesOf(progress)];
  if (rate !== null && rate > 0) {
    parts.push(`${formatBytes(rate)}/s`);
    const left = (progress.totalBytes ?? 0) - (progress.bytes ?? 0);
    if (left > 0) parts.push(`${duration(Math.ceil(left / rate) * 1000).replace('.0 s', ' s')} left`);
  }
  if (progress.note !== undefined) parts.push(printable(progress.note));
  return parts.filter((part) => part !== '').join('  ');
}

function percent({ bytes, totalBytes, files, totalFiles }: Progress): string {
  const [done, total] = totalBytes === undefined ? [files, totalFiles] : [bytes, totalBytes];
  if (done === undefined || total === undefined || total === 0) return '';
  // Expected totals are estimates: a tree that grew must not show 104 %.
  return `${Math.min(100, Math.floor((done / total) * 100))} %`;
}

function bytesOf({ bytes, totalBytes }: Progress): string {
  if (bytes === undefined) return '';
  if (totalBytes === undefined || totalBytes < bytes) return formatBytes(bytes);
  const [done, total] = [formatBytes(bytes), formatBytes(totalBytes)];
  const unit = total.slice(total.indexOf(' '));
  return `${done.endsWith(unit) ? done.slice(0, -unit.length) : done} of ${total}`;
}

function filesOf({ files, totalFiles }: Progress): string {
  if (files === undefined) return '';
  if (totalFiles === undefined || totalFiles < files) return formatCount(files, 'file');
  return `${files.toLocaleString('en-US')} of ${formatCount(totalFiles, 'file')}`;
}
